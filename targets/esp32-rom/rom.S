# Start of the modelled ESP32: memory map, stacks of both cores, the instruction that the emulator's
# processor lacks.
#
# The machine is qemu-system-xtensa -M sim -cpu dc233c -smp 2: 128 MiB of RAM at physical 0, both
# cores begin at 0xFE000000 with all addresses mapped to themselves. Four pages of 4 MiB make the
# ESP32's windows, physical = virtual - 0x3F000000:
#
#   0x3F400000   flash's data; its last MiB holds the image that is to be loaded
#   0x3F800000   PSRAM
#   0x3FC00000   peripherals' registers (memory that keeps what is written), RTC memory, DRAM
#   0x40000000   ROM, IRAM, flash's code
#
# Everything else, null included, faults. Until the program's vectors are there, no call is deep
# enough to need any.

	.macro	set_register source, number	# wsr
	.byte	\source << 4, \number, 0x13
	.endm
	.macro	map_data physical, virtual	# wdtlb
	.byte	\physical << 4, 0xE0 + \virtual, 0x50
	.endm
	.macro	map_code physical, virtual	# witlb
	.byte	\physical << 4, 0x60 + \virtual, 0x50
	.endm
	.macro	unmap virtual			# idtlb, iitlb
	.byte	0, 0xC0 + \virtual, 0x50
	.byte	0, 0x40 + \virtual, 0x50
	.endm

	.macro	new_stack			# the stack pointer of a caller, for the first window overflow
	addi	a2, a1, 48
	s32i	a2, a1, 0
	addi	a3, a1, -12
	s32i	a2, a3, 0
	.endm

	.section .reset, "ax", @progbits
	.p2align 2
	.global	_reset
_reset:	j	.Lreset
	.p2align 2
.Lpage_sizes:	.long	0x00010000	# way 4: pages of 4 MiB
.Lidentity:	.long	0x20000006	# way 6, second entry
.Lhalf_gib:	.long	0x20000000
.Lvirtual:	.long	0x3F400004	# way 4
.Lphysical:	.long	0x00400003	# attribute 3: read, write, execute, no cache
.Lfour_mib:	.long	0x00400000
.Lmapped:	.long	_mapped
.Lreset:
	l32r	a2, .Lpage_sizes
	set_register 2, 91		# ITLBCFG
	set_register 2, 92		# DTLBCFG
	isync
	l32r	a3, .Lidentity		# the middle six entries go; this code is in the last one
	l32r	a4, .Lhalf_gib
	movi	a5, 6
1:	unmap	3
	add	a3, a3, a4
	addi	a5, a5, -1
	bnez	a5, 1b
	l32r	a3, .Lvirtual
	l32r	a2, .Lphysical
	l32r	a4, .Lfour_mib
	movi	a5, 3
2:	map_data 2, 3
	add	a2, a2, a4
	add	a3, a3, a4
	addi	a5, a5, -1
	bnez	a5, 2b
	map_data 2, 3
	map_code 2, 3
	dsync
	isync
	l32r	a3, .Lmapped
	jx	a3

	.section .text.mapped, "ax", @progbits
	.p2align 2
.Llast:		.long	0xE0000006	# way 6, last entry
.Lvectors:	.long	0x40080000	# the program's, once it is loaded
.Lrecords:	.long	records
.Lstatus:	.long	0x00040020	# PS: register windows on, user mode, interrupts not masked
.Lfirst_stack:	.long	first_core_stack - 64
.Lsecond_stack:	.long	second_core_stack - 64
.Lfirst:	.long	first_core
.Lhold:		.long	hold_second_core
.Lsecond:	.long	second_core
_mapped:
	movi	a3, 6			# way 6, first entry
	unmap	3
	l32r	a3, .Llast
	unmap	3
	dsync
	isync
	l32r	a3, .Lvectors
	set_register 3, 231		# VECBASE
	movi	a2, 0x15
	set_register 2, 99		# ATOMCTL: s32c1i works on every kind of memory
	movi	a2, 0
	wsr	a2, intenable
	wsr	a2, windowbase
	rsync
	movi	a2, 1
	wsr	a2, windowstart
	rsync
	l32r	a3, .Lstatus
	wsr	a3, ps
	rsync
	rsr	a4, prid		# the emulator numbers its cores
	slli	a5, a4, 7
	l32r	a3, .Lrecords
	add	a3, a3, a5
	wsr	a3, misc0
	movi	a0, 0
	bnez	a4, .Lsecond_core
	l32r	a1, .Lfirst_stack
	new_stack
	l32r	a5, .Lfirst
	callx8	a5
1:	j	1b

# While it is held, its stack may become anything: a core that comes out of reset begins with a new
# one.
.Lsecond_core:
	l32r	a1, .Lsecond_stack
	new_stack
	l32r	a5, .Lhold
	callx8	a5
	new_stack
	l32r	a5, .Lsecond
	callx8	a5
	j	.Lsecond_core

# The chip's uart_tx_one_char (0x40009200): (byte) -> 0.
	.section .console, "ax", @progbits
	.p2align 2
.Lconsole:	.long	console_byte
	entry	a1, 32
	or	a10, a2, a2
	l32r	a8, .Lconsole
	callx8	a8
	movi	a2, 0
	retw

# muluh and mulsh, which the emulator's processor refuses: in front of the program's exception
# vector, whose first instruction (wsr a0, excsave1) is carried out here. Any other exception goes
# on to the program.
#
#   | op2 | 0010 | r | s | t | 0000 |     op2 = 1010: unsigned, 1011: signed
#
# misc0 holds the address of a record for a0 .. a15 (0 .. 60), EPC1 (64) and PS (68).
	.section .multiply, "ax", @progbits
	.macro	multiply name, vector
	.p2align 2
.Lgo_on_\name:	.long	\vector + 3
.Lstatus_\name:	.long	0x0004000F	# PS: register windows on, every interrupt masked
	.global	\name
	.p2align 2
\name:	wsr	a0, misc1
	rsr	a0, misc0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	s32i	a\n, a0, 4 * \n
	.endr
	rsr	a2, misc1
	s32i	a2, a0, 0
	rsr	a2, exccause
	beqz	a2, .Lillegal_\name
	j	.Lother_\name
.Lillegal_\name:
	rsr	a3, epc1
	s32i	a3, a0, 64
	l8ui	a2, a3, 0
	extui	a2, a2, 0, 4
	beqz	a2, .Lplain_\name
	j	.Lother_\name
.Lplain_\name:
	l8ui	a2, a3, 2
	movi	a1, 0xA2
	beq	a2, a1, .Lproduct_\name
	movi	a1, 0xB2
	beq	a2, a1, .Lproduct_\name
	j	.Lother_\name
.Lproduct_\name:			# frames of callers leave the registers that the result may go to
	l32i	a1, a0, 4
	rsr	a2, ps
	s32i	a2, a0, 68
	l32r	a2, .Lstatus_\name
	wsr	a2, ps
	rsync
	and	a15, a15, a15
	l32i	a2, a0, 68
	wsr	a2, ps
	rsync
	l32i	a3, a0, 64
	l8ui	a4, a3, 0
	extui	a4, a4, 4, 4
	addx4	a4, a4, a0
	l32i	a4, a4, 0		# t
	l8ui	a5, a3, 1
	extui	a6, a5, 0, 4
	addx4	a6, a6, a0
	l32i	a6, a6, 0		# s
	extui	a7, a5, 4, 4
	addx4	a7, a7, a0		# where the result goes
	extui	a8, a4, 0, 16
	extui	a9, a4, 16, 16
	extui	a10, a6, 0, 16
	extui	a11, a6, 16, 16
	mull	a12, a8, a10
	mull	a13, a9, a10
	mull	a14, a8, a11
	mull	a15, a9, a11
	extui	a12, a12, 16, 16
	extui	a8, a13, 0, 16
	add	a12, a12, a8
	extui	a8, a14, 0, 16
	add	a12, a12, a8
	extui	a12, a12, 16, 16
	extui	a13, a13, 16, 16
	extui	a14, a14, 16, 16
	add	a15, a15, a12
	add	a15, a15, a13
	add	a15, a15, a14
	l8ui	a8, a3, 2
	movi	a9, 0xA2
	beq	a8, a9, 2f
	bgez	a4, 1f
	sub	a15, a15, a6
1:	bgez	a6, 2f
	sub	a15, a15, a4
2:	s32i	a15, a7, 0
	addi	a3, a3, 3
	rsr	a8, lcount		# the last instruction of a zero-overhead loop?
	beqz	a8, 3f
	rsr	a9, lend
	bne	a9, a3, 3f
	addi	a8, a8, -1
	wsr	a8, lcount
	rsr	a3, lbeg
3:	wsr	a3, epc1
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	l32i	a\n, a0, 4 * \n
	.endr
	l32i	a0, a0, 0
	rfe
.Lother_\name:
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	l32i	a\n, a0, 4 * \n
	.endr
	l32i	a0, a0, 0
	wsr	a0, excsave1
	l32r	a0, .Lgo_on_\name
	jx	a0
	.endm
	multiply multiply_in_kernel_mode, 0x40080300
	multiply multiply_in_user_mode, 0x40080340

	.section .bss.records, "aw", @nobits
	.p2align 2
records:
	.zero	256
