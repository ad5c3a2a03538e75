# How the emulator becomes a chip with the ESP32's addresses: page table, supervisor mode, stack,
# then `program`.
#
# The machine is qemu-system-riscv32 -M virt: RAM from physical 0x80000000, where execution begins
# in machine mode, without translation. Four pages of 4 MiB make the ESP32's windows; physical =
# virtual + 0x41400000. Programs run in supervisor mode, where pages count:
#
#   0x10000000  the same         serial line
#   0x3F400000  0x80800000       stack, constants
#   0x3F800000  0x80C00000       PSRAM
#   0x3FC00000  0x81000000       DRAM
#   0x40000000  0x81400000       IRAM, code        executable
#
# Everything else, null included, faults. What needs machine mode is asked for by `ecall`, number in
# a7:
#   0  exit with the code in a0      1  a timer interrupt a0 ticks from now      2  no timer interrupt
#   3  trigger a0: tdata1 a1 (the value that is then there comes back in a0), tdata2 a2
#   4  tdata1 of trigger a0 in a0; all ones if there is none

	.section .page_table, "aw"
	.p2align 12
page_table:				# an entry per 4 MiB: physical >> 2 | rights
	.zero	0x40 * 4
	.word	0x10000000 >> 2 | 0xC7	# dirty, accessed, write, read, valid
	.zero	(0xFD - 0x41) * 4
	.word	0x80800000 >> 2 | 0xC7
	.word	0x80C00000 >> 2 | 0xC7
	.word	0x81000000 >> 2 | 0xC7
	.word	0x81400000 >> 2 | 0xCF	# and execute
	.zero	(0x400 - 0x101) * 4

	.section .reset, "ax"
	.global	_reset
_reset:
	li	t0, -1
	csrw	pmpaddr0, t0		# supervisor mode may use all memory ...
	li	t0, 0x1F
	csrw	pmpcfg0, t0
	csrw	mcounteren, t0		# ... and the counters
	li	t0, 0xFDFF		# every exception but its ecall is its own
	csrw	medeleg, t0
	li	t0, 1 << 5		# its timer interrupt too
	csrw	mideleg, t0
	csrw	sie, t0
	la	t0, machine_trap
	csrw	mtvec, t0
	la	t0, machine_registers
	csrw	mscratch, t0
	la	t0, page_table
	srli	t0, t0, 12
	li	t1, 1 << 31		# Sv32
	or	t0, t0, t1
	csrw	satp, t0
	sfence.vma
	lui	t0, %hi(supervisor)
	addi	t0, t0, %lo(supervisor)
	csrw	mepc, t0
	li	t0, 1 << 11 | 1 << 1	# previous mode: supervisor; its interrupts on
	csrs	mstatus, t0
	mret

# Machine mode. 0x02004000: when the timer fires; 0x0200BFF8: now.
	.p2align 2
machine_trap:
	csrrw	sp, mscratch, sp
	sw	t0, 0(sp)
	sw	t1, 4(sp)
	csrr	t0, mcause
	bgez	t0, 1f
	li	t0, 1 << 7		# the timer: machine's off, supervisor's on
	csrc	mie, t0
	li	t0, 1 << 5
	csrs	mip, t0
	j	9f
1:	csrr	t0, mepc		# an ecall
	addi	t0, t0, 4
	csrw	mepc, t0
	li	t0, 1 << 7
	csrc	mie, t0
	li	t0, 1 << 5
	csrc	mip, t0
	li	t0, 3
	bge	a7, t0, 5f
	li	t0, 1
	beq	a7, t0, 2f
	bgt	a7, t0, 9f
	li	t0, 0x100000		# the test device: code << 16 | 0x3333, or 0x5555 for 0
	li	t1, 0x5555
	beqz	a0, 3f
	slli	t1, a0, 16
	li	a0, 0x3333
	or	t1, t1, a0
3:	sw	t1, 0(t0)
4:	j	4b
2:	li	t0, 0x0200BFF8
	lw	t0, 0(t0)
	add	t0, t0, a0
	sltu	a0, t0, a0
	li	t1, 0x02004000
	li	a7, -1
	sw	a7, 4(t1)		# no interrupt while it is half written
	sw	t0, 0(t1)
	li	t0, 0x0200BFFC
	lw	t0, 0(t0)
	add	t0, t0, a0
	sw	t0, 4(t1)
	li	t0, 1 << 7
	csrs	mie, t0
	j	9f
5:	csrw	tselect, a0
	csrr	t1, tselect
	beq	t1, a0, 6f
	li	a0, -1
	j	9f
6:	bne	a7, t0, 7f
	li	t1, 2 << 28		# not while it is half written: type 2, armed for nothing
	csrw	tdata1, t1
	csrw	tdata2, a2
	csrw	tdata1, a1
7:	csrr	a0, tdata1
9:	lw	t0, 0(sp)
	lw	t1, 4(sp)
	csrrw	sp, mscratch, sp
	mret
	.p2align 2
machine_registers:
	.zero	8

	.section .traps, "ax"
	.p2align 2
supervisor:
	la	t0, trap
	csrw	stvec, t0
	la	t0, trap_record
	csrw	sscratch, t0
	la	sp, _stack_top
	call	program
1:	j	1b

# sscratch holds the address of `trap_record`:  0 pc | 4 x1 .. 124 x31 | 128 scause | 132 stval |
# 136 sstatus
	.p2align 2
trap:
	csrrw	sp, sscratch, sp
	.irp	n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sw	x\n, 4 * \n(sp)
	.endr
	mv	s0, sp
	csrrw	sp, sscratch, s0	# the program's stack pointer; sscratch as before
	sw	sp, 8(s0)
	csrr	t0, sepc
	sw	t0, 0(s0)
	csrr	t1, stval
	sw	t1, 132(s0)
	csrr	t1, sstatus
	sw	t1, 136(s0)
	csrr	t1, scause
	sw	t1, 128(s0)
	bltz	t1, 1f
	mv	a0, s0			# the program is over, unless it watches memory: the handler gets a stack of its own
	la	sp, trap_stack_top
	call	trapped			# (record)
	j	2f
1:	andi	sp, sp, -16
	call	interrupted
2:	mv	sp, s0
	lw	t0, 0(sp)
	csrw	sepc, t0
	.irp	n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	lw	x\n, 4 * \n(sp)
	.endr
	lw	sp, 8(sp)
	sret

	.section .bss.trap_record, "aw", @nobits
	.p2align 4
trap_record:
	.zero	144
	.zero	8192
trap_stack_top:
