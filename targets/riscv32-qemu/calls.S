# What a program calls that Rust can't say in one instruction: exact counting, the emulator's
# services.

	.macro	function name
	.section .text.\name, "ax"
	.p2align 2
	.global	\name
\name:
	.endm

	function timed			# (function, a, b, c, d) -> function(a, b, c, d); the count goes to `timed_instructions`
	addi	sp, sp, -16
	sw	ra, 12(sp)
	sw	s0, 8(sp)
	mv	t0, a0
	mv	a0, a1
	mv	a1, a2
	mv	a2, a3
	mv	a3, a4
	rdinstret s0
	jalr	t0
	rdinstret t0
	sub	t0, t0, s0		# jalr, the function, one rdinstret
	addi	t0, t0, -1
	la	t1, timed_instructions
	sw	t0, 0(t1)
	lw	ra, 12(sp)
	lw	s0, 8(sp)
	addi	sp, sp, 16
	ret

	.section .bss.timed_instructions, "aw", @nobits
	.p2align 2
	.global	timed_instructions
timed_instructions:
	.zero	4

	function semihosting		# (operation, parameter) -> result: three instructions that the emulator knows
	.option	push
	.option	norvc
	.p2align 4
	slli	x0, x0, 0x1F
	ebreak
	srai	x0, x0, 7
	.option	pop
	ret

# Code that a program can copy elsewhere and call: (a, b) -> a + 2 * b.
	.section .rodata.sample_code, "a"
	.p2align 2
	.global	sample_code
	.global	sample_code_end
sample_code:
	slli	a1, a1, 1
	add	a0, a0, a1
	ret
	.p2align 2
sample_code_end:
