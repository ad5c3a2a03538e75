# Data breakpoints, for programs that watch memory: the exception calls a function of the program,
# which goes on where it was.
#
# excsave7 holds the address of the record:
#
#   0 a0 .. 60 a15 | 64 EPC6 | 68 EPS6 | 72 SAR | 76 LBEG | 80 LEND | 84 LCOUNT | 88 SCOMPARE1 | 92
#   DEBUGCAUSE | 96 address of the function | 100 EPC1

	.macro	get_register target, number	# rsr, of registers that the assembler does not know
	.byte	\target << 4, \number, 0x03
	.endm
	.macro	set_register source, number	# wsr
	.byte	\source << 4, \number, 0x13
	.endm

	.section .vectors, "ax", @progbits
	.p2align 2
	.global	debug_exception
debug_exception:
	set_register 0, 214		# EXCSAVE6
	get_register 0, 215		# EXCSAVE7
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	s32i	a\n, a0, 4 * \n
	.endr
	get_register 2, 214
	s32i	a2, a0, 0
	get_register 2, 182		# EPC6
	s32i	a2, a0, 64
	get_register 2, 198		# EPS6
	s32i	a2, a0, 68
	rsr	a2, sar
	s32i	a2, a0, 72
	rsr	a2, lbeg
	s32i	a2, a0, 76
	rsr	a2, lend
	s32i	a2, a0, 80
	rsr	a2, lcount
	s32i	a2, a0, 84
	rsr	a2, scompare1
	s32i	a2, a0, 88
	get_register 2, 233		# DEBUGCAUSE
	s32i	a2, a0, 92
	rsr	a2, epc1		# register windows that move change it
	s32i	a2, a0, 100
	movi	a2, 1			# a call4 on the program's own stack, as in traps.S
	slli	a2, a2, 18
	addi	a2, a2, 6		# PS: register windows on, all but the debugger's level masked
	wsr	a2, ps
	rsync
	l32i	a4, a0, 96
	or	a6, a0, a0
	callx4	a4			# function(record)
	l32i	a2, a0, 100
	wsr	a2, epc1
	l32i	a2, a0, 64
	set_register 2, 182
	l32i	a2, a0, 68
	set_register 2, 198
	l32i	a2, a0, 72
	wsr	a2, sar
	l32i	a2, a0, 76
	wsr	a2, lbeg
	l32i	a2, a0, 80
	wsr	a2, lend
	l32i	a2, a0, 84
	wsr	a2, lcount
	l32i	a2, a0, 88
	wsr	a2, scompare1
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	l32i	a\n, a0, 4 * \n
	.endr
	l32i	a0, a0, 0
	.byte	0x10, 0x36, 0x00	# rfi 6

	.section .text.watch, "ax", @progbits
	.p2align 2
.Lrecord:	.long	debug_record
	.global	debug_begin
debug_begin:				# (function)
	entry	a1, 32
	l32r	a3, .Lrecord
	s32i	a2, a3, 96
	set_register 3, 215
	rsync
	retw

	.p2align 2
	.global	set_breakpoint
set_breakpoint:				# (slot, control, address): DBREAKC and DBREAKA
	entry	a1, 32
	movi	a5, 0
	bnez	a2, 1f
	set_register 5, 160		# not while it is half written
	set_register 4, 144
	set_register 3, 160
	dsync
	retw
1:	set_register 5, 161
	set_register 4, 145
	set_register 3, 161
	dsync
	retw

	.p2align 2
	.global	breakpoint_control
breakpoint_control:			# (slot) -> DBREAKC
	entry	a1, 32
	bnez	a2, 1f
	get_register 2, 160
	retw
1:	get_register 2, 161
	retw

	.section .bss.debug_record, "aw", @nobits
	.p2align 2
debug_record:
	.zero	104
