# A program for an ESP32 that starts and waits: what is flashed to the mock board where no Rust compiler for the chip is.
#
#   llvm-mc-22 -triple xtensa-none-elf -filetype=obj esp32_sample.S -o sample.o
#   xtensa-lx106-elf-ld -n -e reset --section-start=.flash.appdesc=0x3F400020 --section-start=.rodata=0x3F400120
#       --section-start=.data=0x3FFB0000 --section-start=.vectors=0x40080000 --section-start=.text=0x400D0020 sample.o -o sample

	.section .flash.appdesc, "a", @progbits
	.global	esp_app_desc
esp_app_desc:				# 256 bytes; whoever makes the image writes the program's hash at 144
	.long	0xABCD5432
	.zero	174
	.short	0xFFFF			# for eFuses of every revision
	.byte	16			# flash is mapped in pages of 64 KiB
	.zero	75

	.section .rodata, "a", @progbits
	.set	number, 1		# 240 KB: four pieces of an upload
	.rept	60000
	.long	number
	.set	number, (number * 1103515245 + 12345) & 0x7FFFFFFF
	.endr

	.data
	.rept	100
	.long	number
	.set	number, (number * 1103515245 + 12345) & 0x7FFFFFFF
	.endr

	.section .vectors, "ax", @progbits
	.zero	0x400

	.text
	.p2align 2
	.global	reset
reset:	j	reset
	.zero	1021

	.global	_stack_start_cpu0
	.global	_stack_end_cpu0
	.set	_stack_start_cpu0, 0x3FFB8000
	.set	_stack_end_cpu0, 0x3FFB4000
