# What a program calls that Rust can't say: the emulator's services, exact counting, a forbidden
# instruction.

	.macro	emulator_call		# simcall: number in a2, arguments in a3.., result in a2
	.byte	0x00, 0x51, 0x00
	.endm
	.macro	cycle_count register	# rsr CCOUNT
	.byte	\register << 4, 234, 0x03
	.endm

	.macro	function name
	.section .text.\name, "ax", @progbits
	.p2align 2
	.global	\name
\name:	entry	a1, 32
	.endm

	function emulator_exit		# (code) -> !
	or	a3, a2, a2
	movi	a2, 1
	emulator_call
1:	j	1b

	function emulator_write		# (bytes, length), to standard output
	or	a5, a3, a3
	or	a4, a2, a2
	movi	a3, 1
	movi	a2, 4
	emulator_call
	retw

	function emulator_arguments	# (words, bytes): argument pointers and texts; at most so many bytes
	or	a5, a2, a2
	or	a6, a3, a3
	movi	a2, 1001		# how many bytes they take; a3 is lost
	emulator_call
	bltu	a6, a2, 1f
	or	a3, a5, a5
	movi	a2, 1002
	emulator_call
1:	retw

	function mask_interrupts	# () -> PS before
	rsil	a2, 1
	retw

	function restore_interrupts	# (PS)
	wsr	a2, ps
	rsync
	retw

	function timer_after		# (cycles): an interrupt of level 1
	cycle_count 3
	add	a2, a2, a3
	.byte	2 << 4, 240, 0x13	# wsr a2, CCOMPARE0: also withdraws the interrupt
	movi	a2, 64			# interrupt 6
	wsr	a2, intenable
	rsync
	retw

	function timer_off		# ()
	movi	a2, 0
	wsr	a2, intenable
	rsync
	retw

	function illegal_instruction	# ()
	.byte	0, 0, 0
	retw

	function abort			# () -> !: what LLVM calls where a program can't go on
	.byte	0, 0, 0

# Counting. Every older register window is stored to the stack first, so that the function counted
# never pays for its callers. CCOUNT advances by 10.24 an instruction under `-icount shift=10`;
# between the two readings lie callx8, the function and one rsr.

	.section .text.timed, "ax", @progbits
	.p2align 2
	.type	store_windows, @function
store_windows:				# (depth): so many calls deep, and back
	entry	a1, 32
	addi	a10, a2, -1
	beqz	a10, 1f
	call8	store_windows
1:	retw
	.size	store_windows, . - store_windows	# named in what the emulator writes down

	.p2align 2
	.global	call_stack_start
call_stack_start:			# () -> return address, stack pointer; the windows of all callers are on the stack
	entry	a1, 32
	movi	a10, 7
	call8	store_windows
	or	a2, a0, a0
	or	a3, a1, a1
	retw

	.p2align 2
	.global	cycle_counter
cycle_counter:				# () -> CCOUNT
	entry	a1, 32
	cycle_count 2
	retw

	.p2align 2
.Lcycles:	.long	timed_cycles
	.global	timed
	.type	timed, @function
timed:	entry	a1, 32			# (function, a, b, c, d) -> function(a, b, c, d); the cycles go to `timed_cycles`
	movi	a10, 5
	call8	store_windows
	or	a10, a3, a3
	or	a11, a4, a4
	or	a12, a5, a5
	or	a13, a6, a6
	cycle_count 7
	callx8	a2
	cycle_count 2
	sub	a7, a2, a7
	or	a2, a10, a10
	l32r	a6, .Lcycles
	s32i	a7, a6, 0
	retw
	.size	timed, . - timed

	.section .bss.timed_cycles, "aw", @nobits
	.p2align 2
	.global	timed_cycles
timed_cycles:	.zero	4

# Where programs whose masked stretches are counted keep the clock: when interrupts were masked, and
# the longest stretch so far.
	.section .bss.masked, "aw", @nobits
	.p2align 2
	.global	masked_since
	.global	masked_longest
masked_since:	.zero	4
masked_longest:	.zero	4

	function refetch_instructions		# (): forgets instructions fetched ahead, after code was written
	isync
	retw

# Code that a program can copy elsewhere and call: (a, b) -> a + 2 * b.
	.section .rodata.sample_code, "a", @progbits
	.p2align 2
	.global	sample_code
	.global	sample_code_end
sample_code:
	entry	a1, 32
	addx2	a2, a3, a2
	retw
	.p2align 2
sample_code_end:
