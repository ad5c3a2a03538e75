/* The modelled ESP32-C3: a monitor in machine mode below the program, which believes to be there
 * itself.
 *
 *   program, in supervisor mode ─ control register, `mret` ──> illegal instruction ─> its own set
 *   of registers here
 *                               ─ peripheral ───────────────> page fault ──────────> a word that
 *                               keeps what is written ─ exception ────────────────> its own
 *                               handler, as `mtvec` says
 *
 * Memory is mapped where the chip has it, SRAM 1 on both buses. A write to a serial port is output.
 * ROM holds no code: a call of it is an illegal instruction, and what it computes is computed here;
 * functions that only set something up return at once. Who reads one register again and again waits
 * for a bit: after a while it sees every bit change.
 */

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

#define WORD(address) (*(volatile u32 *)(address))
#define HALF(address) (*(volatile u16 *)(address))
#define BYTE(address) (*(volatile u8 *)(address))

/* The emulator's own devices, and what its loader put into RAM. */
#define CONSOLE BYTE(0x10000000)
#define END WORD(0x00100000)
#define IS_RESTART BYTE(0x817FF002)
#define IMAGE 0x81800000u

/* Where the program's addresses lead to. */
struct window {
	u32 start, bytes, at;
};
static const struct window WINDOWS[] = {
	{0x3C000000, 0x800000, 0x80800000}, /* flash, data */
	{0x42000000, 0x800000, 0x81000000}, /* flash, code */
	{0x4037C000, 0x004000, 0x80100000}, /* SRAM 0 */
	{0x3FC80000, 0x060000, 0x80200000}, /* SRAM 1, data bus */
	{0x40380000, 0x060000, 0x80200000}, /* SRAM 1, instruction bus */
	{0x40000000, 0x060000, 0x80300000}, /* ROM */
	{0x3FF00000, 0x020000, 0x80400000}, /* ROM, data bus */
	{0x50000000, 0x002000, 0x80480000}, /* RTC memory */
};
#define WINDOW_COUNT (sizeof WINDOWS / sizeof *WINDOWS)

#define PERIPHERALS 0x60000000u
#define PERIPHERAL_BYTES 0x100000u
#define PERIPHERAL_WORDS 0x80500000u
#define UART0_FIFO 0x60000000u
#define USB_FIFO 0x60043000u
/* Source: ESP32-C3 Technical Reference Manual. */
#define RTC_WATCHDOG 0x60008090u
#define GROUP0_WATCHDOG 0x6001F048u
#define GROUP1_WATCHDOG 0x60020048u
#define WATCHDOG_ON (1u << 31)

/* Exit codes that no program has. */
enum { NO_IMAGE = 90, WATCHDOG_RUNS = 91, LOST = 93 };

u32 record[32];
static u32 csrs[4096];
static u32 root[1024] __attribute__((aligned(4096)));
static u32 tables[8][1024] __attribute__((aligned(4096)));

#define MSTATUS 0x300
#define MTVEC 0x305
#define MEPC 0x341
#define MCAUSE 0x342
#define MTVAL 0x343
#define MIE_BIT (1u << 3)
#define MPIE_BIT (1u << 7)
#define MPP_MACHINE (3u << 11)

#define READ(name, value) __asm__ volatile("csrr %0, " name : "=r"(value))
#define WRITE(name, value) __asm__ volatile("csrw " name ", %0" : : "r"(value))

static void say(const char *text) {
	for (; *text != 0; text++) {
		CONSOLE = (u8)*text;
	}
}

static void say_word(u32 word) {
	for (int digit = 28; digit >= 0; digit -= 4) {
		CONSOLE = (u8) "0123456789abcdef"[word >> digit & 15];
	}
}

static void end(u32 code) {
	END = code << 16 | 0x3333;
	for (;;) {
	}
}

/* 0: no memory. */
static u32 behind(u32 address) {
	for (u32 number = 0; number < WINDOW_COUNT; number++) {
		const struct window *window = &WINDOWS[number];
		if (address - window->start < window->bytes) {
			return address - window->start + window->at;
		}
	}
	return 0;
}

/* Pages of 4 KiB that can be read, written and executed. */
static void map(const struct window *window) {
	static u32 used;
	for (u32 offset = 0; offset < window->bytes; offset += 4096) {
		u32 address = window->start + offset, *entry = &root[address >> 22];
		if (*entry == 0) {
			*entry = (u32)tables[used++] >> 12 << 10 | 1;
		}
		u32 *table = (u32 *)(*entry >> 10 << 12);
		table[address >> 12 & 1023] = (window->at + offset) >> 12 << 10 | 0xCF;
	}
}

static void dirty_memory(void) {
	u32 word = IS_RESTART ? 0xA5A5A5A5 : 0x5AFE5AFE;
	for (u32 at = behind(0x4037C000); at < behind(0x4037C000) + 0x4000; at += 4) {
		WORD(at) = word;
	}
	for (u32 at = behind(0x3FC80000); at < behind(0x3FC80000) + 0x60000; at += 4) {
		WORD(at) = word;
	}
}

/* As the second stage boot loader does; returns the program's entry. */
static u32 load(void) {
	u32 segments = BYTE(IMAGE + 1), at = IMAGE + 24;
	if (BYTE(IMAGE) != 0xE9) {
		say("rom: no image where it should be\n");
		end(NO_IMAGE);
	}
	for (u32 segment = 0; segment < segments; segment++) {
		u32 to = behind(WORD(at)), bytes = WORD(at + 4);
		for (u32 offset = 0; to != 0 && offset < bytes; offset += 4) {
			WORD(to + offset) = WORD(at + 8 + offset);
		}
		at += 8 + bytes;
	}
	return WORD(IMAGE + 4);
}

static volatile u32 *peripheral(u32 address) {
	return (volatile u32 *)(PERIPHERAL_WORDS + (address - PERIPHERALS) / 4 * 4);
}

void start(void) {
	for (u32 number = 0; number < WINDOW_COUNT; number++) {
		map(&WINDOWS[number]);
	}
	dirty_memory();
	*peripheral(RTC_WATCHDOG) = WATCHDOG_ON;
	if (IS_RESTART) {
		*peripheral(GROUP0_WATCHDOG) = *peripheral(GROUP1_WATCHDOG) = WATCHDOG_ON;
	}
	WRITE("mepc", load());
	WRITE("satp", 1u << 31 | (u32)root >> 12);
	WRITE("pmpaddr0", ~0u);
	WRITE("pmpcfg0", 0x1F);
	WRITE("mcounteren", ~0u);
	WRITE("mstatus", 1u << 11); /* to supervisor mode */
	__asm__ volatile("sfence.vma");
	csrs[MSTATUS] = MPP_MACHINE;
}

/* The program's own exception handler goes on. */
static u32 deliver(u32 pc, u32 cause, u32 value) {
	if ((csrs[MTVEC] & ~3u) == 0) {
		say("rom: exception ");
		say_word(cause);
		say(" at ");
		say_word(pc);
		say(", ");
		say_word(value);
		say(", before the program has a handler\n");
		end(LOST);
	}
	csrs[MEPC] = pc;
	csrs[MCAUSE] = cause;
	csrs[MTVAL] = value;
	u32 status = csrs[MSTATUS];
	csrs[MSTATUS] = (status & ~(MIE_BIT | MPIE_BIT)) | (status & MIE_BIT) << 4 | MPP_MACHINE;
	return csrs[MTVEC] & ~3u;
}

/* Triggers are the emulator's own; the program's machine mode is supervisor mode here. */
#define TSELECT 0x7A0
#define TDATA1 0x7A1
#define TDATA2 0x7A2
#define IN_MACHINE_MODE (1u << 6)
#define IN_SUPERVISOR_MODE (1u << 4)

static u32 read_csr(u32 number) {
	u32 cycles, trigger;
	switch (number) {
	case TSELECT:
		READ("tselect", trigger);
		return trigger;
	case TDATA1:
		READ("tdata1", trigger);
		return trigger & IN_SUPERVISOR_MODE ? trigger | IN_MACHINE_MODE : trigger;
	case TDATA2:
		READ("tdata2", trigger);
		return trigger;
	case 0x7E2: /* the ESP32-C3's cycle counter */
	case 0xB00:
	case 0xC00:
		READ("mcycle", cycles);
		return cycles;
	default:
		return csrs[number];
	}
}

static void write_csr(u32 number, u32 value) {
	switch (number) {
	case TSELECT:
		WRITE("tselect", value);
		break;
	case TDATA1:
		if (value & IN_MACHINE_MODE) {
			value = (value & ~IN_MACHINE_MODE) | IN_SUPERVISOR_MODE;
		}
		WRITE("tdata1", value);
		break;
	case TDATA2:
		WRITE("tdata2", value);
		break;
	default:
		csrs[number] = value;
	}
}

/* | csr | rs1 or 5 bits | funct3 | rd | 1110011 | */
static u32 control_register(u32 pc, u32 instruction) {
	u32 number = instruction >> 20, kind = instruction >> 12 & 3, target = instruction >> 7 & 31;
	u32 field = instruction >> 15 & 31;
	u32 operand = instruction & 1u << 14 ? field : record[field];
	u32 before = read_csr(number);
	if (kind == 1) {
		write_csr(number, operand);
	} else if (field != 0) {
		write_csr(number, kind == 2 ? before | operand : before & ~operand);
	}
	record[target] = before;
	return pc + 4;
}

#define ROM 0x40000000u
#define ROM_BYTES 0x60000u
enum { RA = 1, A0 = 10, A1, A2, A3 };

typedef unsigned long long u64;

static u64 pair(u32 low) {
	return (u64)record[low + 1] << 32 | record[low];
}

static u64 magnitude(u64 value) {
	return value >> 63 ? -value : value;
}

/* The emulator's processor divides words only. */
static u64 divided(u64 dividend, u64 divisor, int remainder) {
	u64 quotient = 0, rest = 0;
	for (int bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (dividend >> bit & 1);
		quotient <<= 1;
		if (rest >= divisor) {
			rest -= divisor;
			quotient |= 1;
		}
	}
	return remainder ? rest : quotient;
}

static u64 divided_signed(u64 dividend, u64 divisor, int remainder) {
	u64 result = divided(magnitude(dividend), magnitude(divisor), remainder);
	u64 sign = remainder ? dividend : dividend ^ divisor;
	return sign >> 63 ? -result : result;
}

static u32 leading_zeros(u64 value, u32 bits) {
	u32 count = 0;
	while (count < bits && (value >> (bits - 1 - count) & 1) == 0) {
		count++;
	}
	return count;
}

static u32 trailing_zeros(u64 value, u32 bits) {
	u32 count = 0;
	while (count < bits && (value >> count & 1) == 0) {
		count++;
	}
	return count;
}

static u32 ones(u64 value) {
	u32 count = 0;
	for (; value != 0; value &= value - 1) {
		count++;
	}
	return count;
}

static void give(u64 value) {
	record[A0] = (u32)value;
	record[A1] = (u32)(value >> 32);
}

static void move(u32 to, u32 from, u32 bytes) {
	if (to <= from) {
		for (u32 at = 0; at < bytes; at++) {
			BYTE(to + at) = BYTE(from + at);
		}
		return;
	}
	while (bytes-- > 0) {
		BYTE(to + bytes) = BYTE(from + bytes);
	}
}

static u32 compare(u32 one, u32 other, u32 bytes) {
	for (u32 at = 0; at < bytes; at++) {
		int difference = BYTE(one + at) - BYTE(other + at);
		if (difference != 0) {
			return (u32)difference;
		}
	}
	return 0;
}

static void console(u32 byte);

/* Functions that compute something, by their place in ROM. Source: esp-rom-sys 0.1,
 * `esp32c3.rom*.ld`. */
static u32 called_rom(u32 place) {
	u32 to = behind(record[A0]), from = behind(record[A1]), bytes = record[A2];
	switch (place) {
	case 0x068: /* uart_tx_one_char */
		console(record[A0] & 0xFF);
		record[A0] = 0;
		break;
	case 0x354: /* memset */
		for (u32 at = 0; at < bytes; at++) {
			BYTE(to + at) = (u8)record[A1];
		}
		break;
	case 0x358: /* memcpy */
	case 0x35C: /* memmove */
		move(to, from, bytes);
		break;
	case 0x360: /* memcmp */
	case 0x814: /* __gcc_bcmp */
		record[A0] = compare(to, from, bytes);
		break;
	case 0x77C: /* __ashldi3 */
		give(pair(A0) << (record[A2] & 63));
		break;
	case 0x780: /* __ashrdi3 */
		give((u64)((long long)pair(A0) >> (record[A2] & 63)));
		break;
	case 0x830: /* __lshrdi3 */
		give(pair(A0) >> (record[A2] & 63));
		break;
	case 0x798: /* __clzdi2 */
		record[A0] = leading_zeros(pair(A0), 64);
		break;
	case 0x79C: /* __clzsi2 */
		record[A0] = leading_zeros(record[A0], 32);
		break;
	case 0x7A4: /* __ctzdi2 */
		record[A0] = trailing_zeros(pair(A0), 64);
		break;
	case 0x7A8: /* __ctzsi2 */
		record[A0] = trailing_zeros(record[A0], 32);
		break;
	case 0x7B4: /* __divdi3 */
		give(divided_signed(pair(A0), pair(A2), 0));
		break;
	case 0x83C: /* __moddi3 */
		give(divided_signed(pair(A0), pair(A2), 1));
		break;
	case 0x84C: /* __muldi3 */
		give(pair(A0) * pair(A2));
		break;
	case 0x884: /* __popcountdi2 */
		record[A0] = ones(pair(A0));
		break;
	case 0x888: /* __popcountsi2 */
		record[A0] = ones(record[A0]);
		break;
	case 0x8AC: /* __udivdi3 */
		give(divided(pair(A0), pair(A2), 0));
		break;
	case 0x8BC: /* __umoddi3 */
		give(divided(pair(A0), pair(A2), 1));
		break;
	default:
		break;
	}
	return record[RA];
}

static u32 illegal(u32 pc, u32 instruction) {
	if (pc - ROM < ROM_BYTES) {
		return called_rom(pc - ROM);
	}
	if (instruction == 0x30200073) { /* mret */
		u32 status = csrs[MSTATUS];
		csrs[MSTATUS] = (status & ~MIE_BIT) | (status & MPIE_BIT) >> 4 | MPIE_BIT;
		return csrs[MEPC];
	}
	if ((instruction & 0x7F) == 0x73 && (instruction >> 12 & 3) != 0) {
		return control_register(pc, instruction);
	}
	return deliver(pc, 2, instruction);
}

/* A load or store, in either length. */
struct access {
	u32 bytes, signed_, store, reg, length;
};

static struct access decoded(u32 instruction) {
	struct access access = {0, 0, 0, 0, 4};
	u32 funct3 = instruction >> 12 & 7;
	switch (instruction & 0x7F) {
	case 0x03:
		access.bytes = 1u << (funct3 & 3);
		access.signed_ = funct3 < 4;
		access.reg = instruction >> 7 & 31;
		return access;
	case 0x23:
		access.bytes = 1u << funct3;
		access.store = 1;
		access.reg = instruction >> 20 & 31;
		return access;
	}
	access.length = 2;
	u32 kind = (instruction >> 13 & 7) << 2 | (instruction & 3);
	if (kind == (2 << 2 | 0) || kind == (6 << 2 | 0)) { /* c.lw, c.sw */
		access.reg = (instruction >> 2 & 7) + 8;
	} else if (kind == (2 << 2 | 2)) { /* c.lwsp */
		access.reg = instruction >> 7 & 31;
	} else if (kind == (6 << 2 | 2)) { /* c.swsp */
		access.reg = instruction >> 2 & 31;
	} else {
		return access;
	}
	access.bytes = 4;
	access.store = (kind >> 2) == 6;
	return access;
}

/* Where a store writes, as the chip reports it in mtval of a trigger's exception. */
static u32 stored_at(u32 instruction) {
	u32 kind = (instruction >> 13 & 7) << 2 | (instruction & 3);
	u32 high = instruction >> 25, base = record[instruction >> 15 & 31];
	switch (instruction & 0x7F) {
	case 0x23:
		return base + (high << 5 | (instruction >> 7 & 31)) - (high >> 6 << 12);
	case 0x2F:
		return base;
	}
	if (kind == (6 << 2 | 0)) { /* c.sw */
		base = record[(instruction >> 7 & 7) + 8];
		return base + ((instruction >> 10 & 7) << 3 | (instruction >> 6 & 1) << 2 |
			       (instruction >> 5 & 1) << 6);
	}
	return record[2] + ((instruction >> 9 & 15) << 2 | (instruction >> 7 & 3) << 6); /* c.swsp */
}

static void console(u32 byte) {
	u32 running =
		*peripheral(RTC_WATCHDOG) | *peripheral(GROUP0_WATCHDOG) | *peripheral(GROUP1_WATCHDOG);
	if (running & WATCHDOG_ON) {
		say("rom: the program speaks while a watchdog runs\n");
		end(WATCHDOG_RUNS);
	}
	CONSOLE = (u8)byte;
}

/* How often one instruction has read one register. */
#define PATIENCE 64
static u32 waited(u32 pc, u32 address) {
	static struct {
		u32 pc, address, times;
	} waiting[256];
	u32 place = (pc >> 1) % 256;
	if (waiting[place].pc != pc || waiting[place].address != address) {
		waiting[place].pc = pc;
		waiting[place].address = address;
		waiting[place].times = 0;
	}
	return ++waiting[place].times;
}

static u32 load_word(u32 pc, u32 address) {
	u32 word = *peripheral(address);
	u32 times = waited(pc, address);
	return times > PATIENCE && times % 2 != 0 ? ~word : word;
}

static u32 peripheral_access(u32 pc, u32 cause, u32 address, u32 instruction) {
	struct access access = decoded(instruction);
	if (access.bytes == 0) {
		return deliver(pc, cause == 13 ? 5 : 7, address);
	}
	u32 shift = address % 4 * 8, mask = access.bytes == 4 ? ~0u : (1u << 8 * access.bytes) - 1;
	if (access.store) {
		u32 value = record[access.reg];
		if (address == UART0_FIFO || address == USB_FIFO) {
			console(value & 0xFF);
		}
		*peripheral(address) = (*peripheral(address) & ~(mask << shift)) | (value & mask) << shift;
	} else {
		u32 value = load_word(pc, address) >> shift & mask;
		u32 sign = (mask >> 1) + 1;
		record[access.reg] = access.signed_ && access.bytes < 4 ? (value ^ sign) - sign : value;
	}
	return pc + access.length;
}

void trapped(void) {
	u32 pc, cause, value;
	READ("mepc", pc);
	READ("mcause", cause);
	READ("mtval", value);
	u32 at = behind(pc);
	u32 instruction = at == 0 ? 0 : HALF(at) | (u32)HALF(at + 2) << 16;
	switch (cause) {
	case 2:
		pc = illegal(pc, instruction);
		break;
	case 3:
		pc = deliver(pc, cause, stored_at(instruction));
		break;
	case 9: /* ecall from supervisor mode is one from machine mode for the program */
		pc = deliver(pc, 11, 0);
		break;
	case 13:
	case 15:
		if (value - PERIPHERALS < PERIPHERAL_BYTES) {
			pc = peripheral_access(pc, cause, value, instruction);
			break;
		}
		/* An address without memory is an access fault on the chip. */
		pc = deliver(pc, cause == 13 ? 5 : 7, value);
		break;
	case 12:
		pc = deliver(pc, 1, value);
		break;
	default:
		pc = deliver(pc, cause, value);
	}
	record[0] = 0;
	WRITE("mepc", pc);
}
