/* ROM and boot loader of the modelled ESP32: what start-up of a program meets, and nothing else.
 *
 *   first core    registers as after power-on or a restart ─> image in place ─> program's entry
 *   second core   as the program's registers say: held ─> ROM ─> waits for an address ─> there
 *
 * Registers are memory that keeps what is written. Modelled besides: the second core's reset, clock
 * and stall; its ROM, which writes its data when it starts; the fuse of a chip with one core; the
 * masks of both caches; watchdogs, which must be off when the program speaks.
 */

typedef unsigned int u32;
typedef unsigned char u8;

#define WORD(address) (*(volatile u32 *)(address))
#define BYTE(address) (*(volatile u8 *)(address))

/* What the emulator's loader put there. */
#define CORES BYTE(0x3F6FF000)
#define PSRAM_IS_MAPPED BYTE(0x3F6FF001)
#define IS_RESTART BYTE(0x3F6FF002)
#define IMAGE 0x3F700000u

#define PRO_CACHE_CTRL1 WORD(0x3FF00044)
#define APP_CACHE_CTRL WORD(0x3FF00058)
#define APP_CACHE_CTRL1 WORD(0x3FF0005C)
#define APPCPU_RESETTING WORD(0x3FF0002C)
#define APPCPU_CLOCK WORD(0x3FF00030)
#define APPCPU_STALL WORD(0x3FF00034)
#define APPCPU_ADDRESS WORD(0x3FF00038)
#define RTC_OPTIONS0 WORD(0x3FF48000)
#define RTC_CPU_STALL WORD(0x3FF480AC)
#define RTC_WATCHDOG WORD(0x3FF4808C)
#define GROUP0_WATCHDOG WORD(0x3FF5F048)
#define GROUP1_WATCHDOG WORD(0x3FF60048)
#define EFUSE_DATA3 WORD(0x3FF5A00C)
#define FIRST_CORES_TABLE 0x3FF10000u
#define SECOND_CORES_TABLE 0x3FF12000u

/* The bus of code in flash, at 0x400D0000. */
#define MASK_IRAM0 (1u << 0)
#define MASK_DRAM1 (1u << 3)
#define MASK_DROM0 (1u << 4)
#define MASK_OPSDRAM (1u << 5)
#define ALL_MASKS 0x3Fu
#define FLUSH_DONE (1u << 5)
#define WATCHDOG_ON (1u << 31)

#define USER_VECTOR 0x40080340u
#define KERNEL_VECTOR 0x40080300u
/* wsr a0, excsave1 */
#define FIRST_INSTRUCTION 0x13D100u

void emulator_write(const char *bytes, u32 length);
void emulator_exit(u32 code) __attribute__((noreturn));
void multiply_in_user_mode(void);
void multiply_in_kernel_mode(void);

/* Exit codes that no program has. */
enum { NO_IMAGE = 90, WATCHDOG_RUNS = 91, STARTED_TWICE = 92, FLASH_IS_MASKED = 93 };

static void say(const char *text) {
	u32 length = 0;
	while (text[length] != 0) {
		length++;
	}
	emulator_write(text, length);
}

static void end(u32 code, const char *text) __attribute__((noreturn));
static void end(u32 code, const char *text) {
	say(text);
	emulator_exit(code);
}

static void fill(u32 start, u32 end_, u32 word) {
	for (u32 at = start; at < end_; at += 4) {
		WORD(at) = word;
	}
}

/* RAM holds anything after power-on, and the program before after a restart; this ROM stands
 * between 0x3FFE3000 and 0x3FFE3F20. */
static void dirty_memory(void) {
	u32 word = IS_RESTART ? 0xA5A5A5A5 : 0x5AFE5AFE;
	fill(0x3FFAE000, 0x3FFE0000, word);
	fill(0x3FFE0440, 0x3FFE3000, word);
	fill(0x3FFE3F20, 0x3FFE4000, word);
	fill(0x3FFE8000, 0x40000000, word);
	fill(0x40080000, 0x400A0000, word);
}

static void set_registers(void) {
	/* What the boot loader of ESP-IDF opens, with or without PSRAM, and what a program adds. */
	u32 open = MASK_IRAM0 | MASK_DROM0 | MASK_DRAM1;
	PRO_CACHE_CTRL1 = ALL_MASKS & ~(PSRAM_IS_MAPPED ? open | MASK_OPSDRAM : open);
	/* A boot loader for one core maps nothing for the other one. */
	APP_CACHE_CTRL1 = ALL_MASKS;
	APP_CACHE_CTRL = FLUSH_DONE;
	for (u32 entry = 0; entry < 256; entry++) {
		WORD(FIRST_CORES_TABLE + 4 * entry) = entry % 64;
		WORD(SECOND_CORES_TABLE + 4 * entry) = 0x100;
	}
	EFUSE_DATA3 = CORES == 1;
	RTC_WATCHDOG = WATCHDOG_ON;
	if (IS_RESTART) {
		GROUP0_WATCHDOG = GROUP1_WATCHDOG = WATCHDOG_ON;
		RTC_OPTIONS0 = 2;      /* the program before stalled the second core before it restarted, */
		RTC_CPU_STALL = 0x21u << 20;
		APPCPU_ADDRESS = 0x40081234; /* which stood in a program that is gone */
		APPCPU_CLOCK = 1;
	} else {
		APPCPU_RESETTING = 1;
	}
}

/* As the second stage boot loader does; returns the program's entry. */
static u32 load(void) {
	u32 segments = BYTE(IMAGE + 1), at = IMAGE + 24;
	if (BYTE(IMAGE) != 0xE9) {
		end(NO_IMAGE, "rom: no image where it should be\n");
	}
	for (u32 segment = 0; segment < segments; segment++) {
		u32 to = WORD(at), bytes = WORD(at + 4);
		/* Padding goes nowhere. */
		for (u32 offset = 0; to >= 0x10000000 && offset < bytes; offset += 4) {
			WORD(to + offset) = WORD(at + 8 + offset);
		}
		at += 8 + bytes;
	}
	return WORD(IMAGE + 4);
}

/* "j handler" instead of the vector's first instruction. */
static void put_before(u32 vector, void (*handler)(void)) {
	u32 jump = (((u32)handler - vector - 4) << 6) | 6;
	for (u32 byte = 0; byte < 3; byte++) {
		if (BYTE(vector + byte) != (u8)(FIRST_INSTRUCTION >> 8 * byte)) {
			end(NO_IMAGE, "rom: not the vectors of xtensa-lx-rt\n");
		}
		BYTE(vector + byte) = (u8)(jump >> 8 * byte);
	}
}

static void enter(u32 address) __attribute__((noreturn));
static void enter(u32 address) {
	((void (*)(void))address)();
	end(NO_IMAGE, "rom: the program returned\n");
}

/* Whether the second core's registers are set. */
static volatile u32 is_set_up;
/* Whether the program before was stopped. */
static volatile u32 was_held;

void first_core(void) {
	dirty_memory();
	set_registers();
	u32 entry = load();
	put_before(USER_VECTOR, multiply_in_user_mode);
	put_before(KERNEL_VECTOR, multiply_in_kernel_mode);
	is_set_up = 1;
	enter(entry);
}

static u32 is_held(void) {
	return (APPCPU_RESETTING & 1) || !(APPCPU_CLOCK & 1);
}

static u32 is_stalled(void) {
	return (APPCPU_STALL & 1) || ((RTC_OPTIONS0 & 3) == 2 && (RTC_CPU_STALL >> 20 & 0x3F) == 0x21);
}

/* After a restart it is busy with the program before, which writes where that had its data: the
 * worst case, a stall that came to nothing. */
static void program_before(void) {
	while (!is_held()) {
		for (u32 at = 0x3FFC8000; at < 0x3FFD8000 && !is_held(); at += 64) {
			WORD(at) = 0xBADBAD00;
		}
	}
}

/* Until it is let go. */
void hold_second_core(void) {
	while (!is_set_up || CORES == 1) {
	}
	if (IS_RESTART && !was_held) {
		program_before();
		was_held = 1;
	}
	while (is_held() || is_stalled()) {
	}
}

/* Until it is held again, or has an address. */
void second_core(void) {
	fill(0x3FFE4350, 0x3FFE4770, 0x524F4D21); /* its ROM's data */
	if (APPCPU_ADDRESS != 0) {
		end(STARTED_TWICE, "rom: the second core had its address before its reset ended, so it "
				   "can start twice\n");
	}
	while (!is_held()) {
		u32 address = APPCPU_ADDRESS;
		if (address != 0 && !is_stalled()) {
			if (APP_CACHE_CTRL1 & (MASK_IRAM0 | MASK_DROM0)) {
				end(FLASH_IS_MASKED, "rom: the second core's cache serves no code of flash\n");
			}
			enter(address);
		}
	}
}

/* Bytes of a line go together. */
void console_byte(u32 byte) {
	static char line[128];
	static u32 length;
	if ((RTC_WATCHDOG | GROUP0_WATCHDOG | GROUP1_WATCHDOG) & WATCHDOG_ON) {
		end(WATCHDOG_RUNS, "rom: the program speaks while a watchdog runs\n");
	}
	line[length++] = (char)byte;
	if (byte == '\n' || length == sizeof line) {
		emulator_write(line, length);
		length = 0;
	}
}
