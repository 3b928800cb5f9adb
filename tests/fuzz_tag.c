/* fuzz_tag.c - arbitrary commands to one tag, many of them with its handle and a right CRC-16:
 * nothing may break, and every reply must fit. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "radio/air/tag.h"
#include "radio/air/tag_code.h"
#include "radio/air/tag_command.h"

#define TARI_US 6.25
#define RTCAL_US 15.625
#define TRCAL_US (100.0 / 3)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

struct bench {
    struct tag tag;
    struct tag_store store;
    struct tag_world world;
    double now_us;
};

static void symbol(struct bench *bench, double us, double low_us)
{
    bench->now_us += us;
    tag_fall(&bench->tag, bench->now_us - low_us);
    enum tag_event event = tag_rise(&bench->tag, &bench->world, bench->now_us);
    if (event == TAG_EVENT_REPLY) {
        require(bench->tag.reply.code.n_bits <= TAG_CODE_BITS_MAX);
        require(bench->tag.reply.start_tick > bench->now_us);
        require(isfinite(bench->tag.reply.end_tick));
    }
}

static void speak(struct bench *bench, const uint8_t *packed, size_t n_bits)
{
    double wait_us = 2.2 * RTCAL_US;
    double end_us = bench->tag.has_reply ? bench->tag.reply.end_tick + 10.0 : 0.0;
    bench->now_us = fmax(bench->now_us + wait_us, end_us);
    symbol(bench, 12.5, 12.5);
    symbol(bench, TARI_US, 3.0);
    symbol(bench, RTCAL_US, 3.0);
    if (n_bits >= 4 && tag_bits(packed, 0, 4) == 8) {
        symbol(bench, TRCAL_US, 3.0);
    }
    for (size_t i = 0; i < n_bits; i++) {
        symbol(bench, tag_bit(packed, i) ? RTCAL_US - TARI_US : TARI_US, 3.0);
    }
}

/* Query Q = 0 S0 for A or B as the tag is, ACK, Req_RN: most inputs get to open or secured. */
static void reach(struct bench *bench)
{
    uint8_t packed[8];
    bool flips = bench->tag.state >= TAG_ACKNOWLEDGED && bench->tag.session == 0;
    tag_bits_put(packed, 0, 0x1100u | ((bench->tag.is_b[0] != flips) ? 1u : 0u), 13);
    tag_bits_put(packed, 13, 0, 4);
    tag_bits_put(packed, 17, tag_crc5(packed, 17), 5);
    speak(bench, packed, 22);
    tag_bits_put(packed, 0, 1, 2);
    tag_bits_put(packed, 2, bench->tag.rn16, 16);
    speak(bench, packed, 18);
    tag_bits_put(packed, 0, 0xC1, 8);
    tag_bits_put(packed, 8, bench->tag.rn16, 16);
    tag_bits_put(packed, 24, tag_crc16(packed, 24), 16);
    speak(bench, packed, 40);
}

/* n bytes of the input, and if wanted handle and CRC-16 at the command's own end. */
static void say_input(struct bench *bench, const uint8_t *data, size_t n_bytes, bool is_closed)
{
    static const uint8_t codes[] = {0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7,
                                    0xC8, 0xC9, 0xD2, 0xD4, 0xD5, 0xE2, 0xA0};
    uint8_t packed[256 + 8] = {0};
    memcpy(packed, data, n_bytes);
    if (is_closed && n_bytes > 1) {
        packed[0] = codes[data[0] % sizeof codes];
        packed[1] = packed[0] == 0xE2 ? 0 : packed[1];
        for (size_t i = 1; data[1] & 1 && i < n_bytes; i++) {
            packed[i] &= 0xC1; /* small numbers, User bank: what memory has */
        }
        if (packed[0] >= 0xD4 && packed[0] <= 0xD5) { /* of TAM1 or TAM2 length */
            tag_bits_put(packed, 12, data[1] & 2 ? 96 : 120, 20);
            tag_bits_put(packed, 32, data[1] & 2 ? 0 : 0x2000, 16);
        }
    }
    size_t n_bits = 8 * n_bytes;
    size_t need = tag_command_need(packed, n_bits);
    if (is_closed && need > 32 && need <= 8 * sizeof packed) {
        while (need > n_bits && need <= 8 * sizeof packed) {
            n_bits = need;
            need = tag_command_need(packed, n_bits);
        }
        if (need > 32 && need <= 8 * sizeof packed) {
            tag_bits_put(packed, need - 32, bench->tag.handle, 16);
            tag_bits_put(packed, need - 16, tag_crc16(packed, need - 16), 16);
            n_bits = need;
        }
    }
    speak(bench, packed, n_bits <= 8 * sizeof packed ? n_bits : 8 * n_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes < 2) {
        return 0;
    }
    static const uint8_t epc[12] = {0x30};
    static struct bench bench;
    memset(&bench, 0, sizeof bench);
    bench.world = (struct tag_world){.ticks_per_us = 1.0,
                                     .t1_jitter_us = 1.0,
                                     .t2_limit_tpri = 20,
                                     .write_us = data[0] & 1 ? 3000 : 0,
                                     .block_words = 255,
                                     .crypto_us = data[0] & 2 ? 50e3 : 0,
                                     .security_timeout_ms = data[0] & 4 ? 10 : 0,
                                     .reply_loss_ratio = 0.1};
    struct tag_equipment equipment = {.n_epc_words = data[0] & 8 ? 31 : 0,
                                      .n_user_words = data[0] & 16 ? 256 : 5,
                                      .has_xpc = data[0] & 32,
                                      .access_password = data[0] & 64 ? 1 : 0,
                                      .has_key = data[0] & 128};
    struct tag_identity identity = {epc, 96, 7, data[1]};
    tag_init(&bench.tag, &bench.store, &identity, &bench.world);
    tag_equip(&bench.tag, &equipment);
    tag_power_up(&bench.tag, &bench.world, 0.0);
    bench.now_us = 1500;
    for (size_t at = 2; at + 1 < n_bytes;) {
        size_t n = data[at] >> 3;
        size_t left = n_bytes - at - 1;
        unsigned what = data[at] & 7;
        n = n < left ? n : left;
        if (what == 0) {
            reach(&bench);
            if (bench.tag.state == TAG_OPEN && n & 1) {
                bench.tag.state = TAG_SECURED; /* as after both halves of Access */
            }
        } else if (what == 1) {
            tag_power_down(&bench.tag, bench.now_us);
            bench.now_us += 100.0 * n;
            tag_power_up(&bench.tag, &bench.world, bench.now_us);
        } else if (what == 2) {
            bench.now_us = fmax(bench.now_us, bench.tag.reply.end_tick);
            (void)tag_go_on(&bench.tag, &bench.world, bench.now_us);
        } else {
            say_input(&bench, data + at + 1, n, what > 3);
        }
        at += 1 + n;
    }
    return 0;
}
