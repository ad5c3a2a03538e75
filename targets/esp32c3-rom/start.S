# Start of the modelled ESP32-C3, and the way of each trap: registers to a record, the monitor,
# registers back.

	.section .start, "ax"
	.global _start
_start:	la	sp, stack_top
	la	t0, trap
	csrw	mtvec, t0
	call	start			# (): the program's entry is in mepc, its memory is mapped
	la	t0, record
	csrw	mscratch, t0
	mret

	.p2align 2
trap:	csrrw	t6, mscratch, t6	# t6 = record
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	sw	x\n, 4 * \n(t6)
	.endr
	csrrw	t5, mscratch, t6
	sw	t5, 4 * 31(t6)
	la	sp, stack_top
	call	trapped			# ()
	csrr	t6, mscratch
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	lw	x\n, 4 * \n(t6)
	.endr
	lw	t6, 4 * 31(t6)
	mret
