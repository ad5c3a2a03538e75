# What happens on exceptions: register windows move, everything else ends in `trapped`.
#
# misc0 holds the address of `trap_record`:
#   0..60 a0..a15 | 64 kind | 68 EXCCAUSE | 72 EPC1 | 76 EXCVADDR | 80 DEPC | 84 PS | 88 SAR | 92 LBEG | 96 LEND | 100 LCOUNT

	.section .vectors, "ax", @progbits
	.p2align 10
	.global	_vectors
_vectors:
	.org	0x00			# overflow of a frame that made a call4
	s32e	a0, a5, -16
	s32e	a1, a5, -12
	s32e	a2, a5, -8
	s32e	a3, a5, -4
	rfwo
	.org	0x40			# underflow, call4
	l32e	a0, a5, -16
	l32e	a1, a5, -12
	l32e	a2, a5, -8
	l32e	a3, a5, -4
	rfwu
	.org	0x80			# overflow, call8
	s32e	a0, a9, -16
	l32e	a0, a1, -12
	s32e	a1, a9, -12
	s32e	a2, a9, -8
	s32e	a3, a9, -4
	s32e	a4, a0, -32
	s32e	a5, a0, -28
	s32e	a6, a0, -24
	s32e	a7, a0, -20
	rfwo
	.org	0xC0			# underflow, call8
	l32e	a0, a9, -16
	l32e	a1, a9, -12
	l32e	a2, a9, -8
	l32e	a7, a1, -12
	l32e	a3, a9, -4
	l32e	a4, a7, -32
	l32e	a5, a7, -28
	l32e	a6, a7, -24
	l32e	a7, a7, -20
	rfwu
	.org	0x100			# overflow, call12
	s32e	a0, a13, -16
	l32e	a0, a1, -12
	s32e	a1, a13, -12
	s32e	a2, a13, -8
	s32e	a3, a13, -4
	s32e	a4, a0, -48
	s32e	a5, a0, -44
	s32e	a6, a0, -40
	s32e	a7, a0, -36
	s32e	a8, a0, -32
	s32e	a9, a0, -28
	s32e	a10, a0, -24
	s32e	a11, a0, -20
	rfwo
	.org	0x140			# underflow, call12
	l32e	a0, a13, -16
	l32e	a1, a13, -12
	l32e	a2, a13, -8
	l32e	a11, a1, -12
	l32e	a3, a13, -4
	l32e	a4, a11, -48
	l32e	a5, a11, -44
	l32e	a6, a11, -40
	l32e	a7, a11, -36
	l32e	a8, a11, -32
	l32e	a9, a11, -28
	l32e	a10, a11, -24
	l32e	a11, a11, -20
	rfwu

	.macro	trap offset, kind
	.org	\offset
	wsr	a0, excsave1
	movi	a0, \kind
	j	.Ltrap
	.endm
	trap	0x180, 2		# interrupts of level 2 .. 5: nothing enables them
	trap	0x1C0, 3
	trap	0x200, 4
	trap	0x240, 5
	trap	0x280, 6		# debug
	trap	0x2C0, 7		# not maskable
	trap	0x300, 0		# exceptions and interrupts of level 1
	trap	0x340, 1		# the same in user mode
	trap	0x3C0, 8		# an exception inside the handling of one
	.org	0x400

	.p2align 2
.Lstack:	.long	trap_stack_top - 64
.Lstatus:	.long	0x0004000F	# PS: register windows on, every interrupt masked
.Ltrapped:	.long	trapped
.Ltrap:					# a0 = kind, excsave1 = a0 of the program
	wsr	a0, misc1
	rsr	a0, misc0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	s32i	a\n, a0, 4 * \n
	.endr
	rsr	a2, excsave1
	s32i	a2, a0, 0
	rsr	a2, misc1
	s32i	a2, a0, 64
	rsr	a3, exccause
	s32i	a3, a0, 68
	rsr	a2, epc1
	s32i	a2, a0, 72
	.byte	2 << 4, 238, 0x03	# rsr a2, EXCVADDR
	s32i	a2, a0, 76
	.byte	2 << 4, 192, 0x03	# rsr a2, DEPC
	s32i	a2, a0, 80
	rsr	a2, ps
	s32i	a2, a0, 84
	rsr	a2, sar
	s32i	a2, a0, 88

.Lfatal:				# a0 = trap_record. The program is over: take its registers and another stack.
	or	a6, a0, a0
	movi	a2, 0
	wsr	a2, windowbase
	rsync
	.byte	2 << 4, 244, 0x03	# rsr a2, misc0: the window may be another one now
	or	a6, a2, a2
	movi	a2, 1
	wsr	a2, windowstart
	rsync
	l32r	a1, .Lstack
	addi	a2, a1, 48
	addi	a3, a1, -12
	s32i	a2, a3, 0
	l32r	a2, .Lstatus
	wsr	a2, ps
	rsync
	l32r	a4, .Ltrapped
	movi	a0, 0
	callx4	a4			# trapped(record) -> !
1:	j	1b

	.section .data.trap_record, "aw", @progbits
	.p2align 2
	.global	trap_record
trap_record:	.zero	104

	.section .bss.trap_stack, "aw", @nobits
	.p2align 4
	.zero	4096
trap_stack_top:
