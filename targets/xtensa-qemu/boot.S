# How the emulator becomes an ESP32: its memory map, its registers, its stack, then `program`.
#
# The machine is qemu-system-xtensa -M sim -cpu dc233c: 128 MiB of RAM at physical 0, execution
# begins at 0xFE000000 with all addresses mapped to themselves (way 6 of both TLBs: eight entries of
# 512 MiB). Four pages of 4 MiB (way 4) make the ESP32's windows; physical = virtual - 0x3F000000:
#
#   0x3F400000  0x00400000   stack, constants        data
#   0x3F800000  0x00800000   PSRAM                   data
#   0x3FC00000  0x00C00000   DRAM                    data
#   0x40000000  0x01000000   IRAM, code              data and instructions
#
# Everything else, null included, faults. Special registers and TLB instructions that the assembler
# does not know are spelled as bytes.

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
.Lvectors:	.long	_vectors
.Lrecord:	.long	trap_record
.Lstack:	.long	_stack_top - 64
.Lstatus:	.long	0x00040000	# PS: register windows on, interrupts not masked
.Lprogram:	.long	program
_mapped:
	movi	a3, 6			# way 6, first entry
	unmap	3
	l32r	a3, .Llast
	unmap	3
	dsync
	isync
	l32r	a3, .Lvectors
	set_register 3, 231		# VECBASE
	l32r	a3, .Lrecord
	wsr	a3, misc0		# see traps.S
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
	movi	a0, 0
	l32r	a1, .Lstack
	addi	a2, a1, 48		# the stack pointer of a caller, for the first window overflow
	s32i	a2, a1, 0
	addi	a3, a1, -12
	s32i	a2, a3, 0
	l32r	a4, .Lprogram
	callx8	a4
1:	j	1b
