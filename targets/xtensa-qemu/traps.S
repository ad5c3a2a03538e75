# What happens on exceptions:
#
#   register windows      move to the stack and back
#   timer interrupt       calls `interrupted` of the program
#   access to IRAM while only words are allowed there    is carried out if it is an aligned word, as the chip would, and counted
#   everything else       calls `trapped` of the program with its registers; the program is over
#
# misc0 holds the address of `trap_record`. Up to the calls no literal is loaded: literals lie
# behind IRAM, whose page may be closed.
#
#   0 a0 .. 60 a15 | 64 kind | 68 EXCCAUSE | 72 EPC1 | 76 EXCVADDR | 80 DEPC | 84 PS | 88 SAR | 92
#   LBEG | 96 LEND | 100 LCOUNT 104 words read | 108 words written | 112 IRAM is for words only |
#   116 address of `interrupted` | 120 SCOMPARE1

	.macro	get_register target, number	# rsr, of registers that the assembler does not know
	.byte	\target << 4, \number, 0x03
	.endm
	.macro	map_data physical, virtual	# wdtlb
	.byte	\physical << 4, 0xE0 + \virtual, 0x50
	.endm
	.macro	unmap_data virtual		# idtlb
	.byte	0, 0xC0 + \virtual, 0x50
	.endm
	.macro	set_iram attribute, scratch	# the page of 4 MiB at 0x40000000 = physical 0x01000000, way 4 of the data TLB
	movi	a\scratch, 1
	slli	a\scratch, a\scratch, 24
	or	a\attribute, a\attribute, a\scratch
	movi	a\scratch, 1
	slli	a\scratch, a\scratch, 30
	addi	a\scratch, a\scratch, 4
	map_data \attribute, \scratch
	dsync
	.endm

	.section .vectors, "ax", @progbits
	.p2align 10
	.global	_vectors
	.type	_vectors, @function
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
	trap	0x180, 2		# interrupts of level 2 to 5: nothing enables them
	trap	0x1C0, 3
	trap	0x200, 4
	trap	0x240, 5
	.org	0x280			# debug: `watch.S` has another `debug_exception`
	j	debug_exception
	.weak	debug_exception
debug_exception:
	wsr	a0, excsave1
	movi	a0, 6
	j	.Ltrap
	trap	0x2C0, 7		# not maskable
	trap	0x300, 0		# exceptions and interrupts of level 1
	trap	0x340, 1		# the same in user mode
	trap	0x3C0, 8		# an exception inside the handling of one
	.org	0x400
	.size	_vectors, . - _vectors

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
	rsr	a2, epc1
	s32i	a2, a0, 72
	get_register 3, 238		# EXCVADDR
	s32i	a3, a0, 76
	get_register 2, 192		# DEPC
	s32i	a2, a0, 80
	rsr	a2, ps
	s32i	a2, a0, 84
	rsr	a2, sar
	s32i	a2, a0, 88
	rsr	a2, lbeg
	s32i	a2, a0, 92
	rsr	a2, lend
	s32i	a2, a0, 96
	rsr	a2, lcount
	s32i	a2, a0, 100
	rsr	a2, scompare1		# what an atomic exchange under way expects
	s32i	a2, a0, 120
	rsr	a4, exccause
	s32i	a4, a0, 68
	rsr	a2, misc1
	s32i	a2, a0, 64
	bgeui	a2, 2, .Lfatal		# neither kernel nor user exception
	beqi	a4, 4, .Linterrupt
	l32i	a2, a0, 112
	beqz	a2, .Lfatal
	addi	a4, a4, -28		# 28: load prohibited, 29: store prohibited
	bgeui	a4, 2, .Lfatal
	j	.Lword

# The program is over: the handler gets a stack of its own, and an open IRAM page.
.Lfatal:
	movi	a2, 0
	wsr	a2, windowbase
	rsync
	rsr	a3, misc0		# the window is another one now
	movi	a2, 1
	wsr	a2, windowstart
	rsync
	movi	a2, 3			# attribute 3: read, write, execute
	set_iram 2, 4
	l32r	a1, .Lstack
	addi	a2, a1, 48
	addi	a4, a1, -12
	s32i	a2, a4, 0
	l32r	a2, .Lstatus
	wsr	a2, ps
	rsync
	or	a6, a3, a3
	l32r	a4, .Ltrapped
	movi	a0, 0
	callx4	a4			# trapped(record) -> !
1:	j	1b

# A call4 on the program's own stack, as if the program had made it where it was interrupted: a0..a3
# are the caller's in a call4, the rest is in the record. Interrupts of this level stay masked, so
# there is one record.
.Linterrupt:
	movi	a2, 1
	slli	a2, a2, 18
	addi	a2, a2, 1		# PS: register windows on, level 1 masked
	wsr	a2, ps
	rsync
	l32i	a4, a0, 116
	callx4	a4			# interrupted()
	l32i	a2, a0, 84
	wsr	a2, ps			# back in exception mode
	rsync

.Lresume:				# a0 = trap_record; to EPC1 as it is in the record
	l32i	a2, a0, 72
	wsr	a2, epc1
	l32i	a2, a0, 88
	wsr	a2, sar
	l32i	a2, a0, 92
	wsr	a2, lbeg
	l32i	a2, a0, 96
	wsr	a2, lend
	l32i	a2, a0, 100
	wsr	a2, lcount
	l32i	a2, a0, 120
	wsr	a2, scompare1
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	l32i	a\n, a0, 4 * \n
	.endr
	l32i	a0, a0, 0
	rfe

# IRAM's page is closed to data. Its memory is also at 0x60000000 + physical, which is virtual +
# 0x21000000.
#
#   l32r      | imm16 | t | 0001 |           l32i      | imm8 | 0010 | s | t | 0010 |      l32i.n   | imm4 | s | t | 1000 |
#   s32i.n    | imm4 | s | t | 1001 |        s32i      | imm8 | 0110 | s | t | 0010 |
.Lword:					# a3 = EXCVADDR
	extui	a2, a3, 0, 2
	bnez	a2, .Lrefuse
	extui	a2, a3, 22, 10
	movi	a4, 0x100		# 0x40000000 >> 22
	bne	a2, a4, .Lrefuse
	movi	a5, 0x21
	slli	a5, a5, 24
	add	a3, a3, a5		# where the word is
	l32i	a6, a0, 72
	add	a6, a6, a5		# where the instruction is
	movi	a7, 2			# its length
	l8ui	a8, a6, 0
	extui	a9, a8, 4, 4		# t
	addx4	a9, a9, a0		# where t's value is in the record
	extui	a8, a8, 0, 4
	beqi	a8, 8, .Lload
	movi	a4, 9
	beq	a8, a4, .Lstore
	movi	a7, 3
	beqi	a8, 1, .Lload
	bnei	a8, 2, .Lrefuse
	l8ui	a8, a6, 1
	extui	a8, a8, 4, 4
	beqi	a8, 2, .Lload
	beqi	a8, 6, .Lstore
.Lrefuse:
	j	.Lfatal
.Lload:	l32i	a2, a3, 0
	s32i	a2, a9, 0
	l32i	a2, a0, 104
	addi	a2, a2, 1
	s32i	a2, a0, 104
	j	.Lnext
.Lstore:
	l32i	a2, a9, 0
	s32i	a2, a3, 0
	l32i	a2, a0, 108
	addi	a2, a2, 1
	s32i	a2, a0, 108
.Lnext:	l32i	a2, a0, 72
	add	a2, a2, a7
	l32i	a3, a0, 96		# the last instruction of a zero-overhead loop?
	bne	a2, a3, 1f
	l32i	a3, a0, 100
	beqz	a3, 1f
	addi	a3, a3, -1
	s32i	a3, a0, 100
	l32i	a2, a0, 92
1:	s32i	a2, a0, 72
	j	.Lresume

# Closes IRAM's page to data, so that every access goes through .Lword; or opens it again.
	.section .text.iram_for_words_only, "ax", @progbits
	.p2align 2
	.global	iram_for_words_only
iram_for_words_only:			# (on)
	entry	a1, 32
	rsr	a3, misc0
	s32i	a2, a3, 112
	movi	a5, 3
	slli	a5, a5, 29
	addi	a5, a5, 6		# virtual 0x60000000, way 6: 512 MiB
	beqz	a2, 1f
	movi	a4, 3			# to physical 0, attribute 3
	map_data 4, 5
	movi	a4, 12			# attribute 12: no access
	j	2f
1:	unmap_data 5
	movi	a4, 3
2:	set_iram 4, 5
	retw

	.section .data.trap_record, "aw", @progbits
	.p2align 2
	.global	trap_record
trap_record:
	.zero	116
	.long	interrupted
	.zero	4

	.section .bss.trap_stack, "aw", @nobits
	.p2align 4
	.zero	8192
trap_stack_top:
