/* tag_bench.h - one simulated tag on the bench, spoken to edge by edge at exact times.
 *                                                                     layer: tests */
#ifndef TESTS_TAG_BENCH_H
#define TESTS_TAG_BENCH_H

#include "air_rig.h"

#include "radio/air/tag.h"
#include "radio/air/tag_code.h"

#define BENCH_BITS_MAX 4400 /* of a command or reply as text */

static const char sgtin_hex[] = "3074257BF7194E4000001A85";

static inline void pack(const char *bits, uint8_t *packed)
{
    for (size_t i = 0; bits[i]; i++) {
        tag_bits_put(packed, i, (uint32_t)(bits[i] - '0'), 1);
    }
}

/* ---- a tag on the bench: edges at exact times ---- */

struct bench {
    struct tag tag;
    struct tag_store store;
    struct tag_world world;
    struct rig_link link;
    double now_us; /* last rising edge */
    enum tag_event event;
};

/* A tag as made, or with what `equipment` says; powered since 1.5 ms. */
static inline void bench_open_equipped(struct bench *bench, struct rig_link link, uint64_t seed,
                                       const struct tag_equipment *equipment)
{
    memset(bench, 0, sizeof *bench);
    bench->world = (struct tag_world){.ticks_per_us = 2.0, .t2_limit_tpri = 20, .block_words = 255};
    bench->link = link;
    uint8_t epc[12];
    for (size_t i = 0; i < 12; i++) {
        unsigned byte;
        assert_int_equal(sscanf(&sgtin_hex[2 * i], "%2x", &byte), 1);
        epc[i] = (uint8_t)byte;
    }
    struct tag_identity identity = {epc, 96, 0x123456789ABC, seed};
    tag_init(&bench->tag, &bench->store, &identity, &bench->world);
    if (equipment) {
        tag_equip(&bench->tag, equipment);
    }
    tag_power_up(&bench->tag, &bench->world, 0.0);
    bench->now_us = 1500;
}

static inline void bench_open(struct bench *bench, struct rig_link link, uint64_t seed)
{
    bench_open_equipped(bench, link, seed, NULL);
}

static inline void bench_symbol(struct bench *bench, double us, double low_us)
{
    bench->now_us += us;
    tag_fall(&bench->tag, (bench->now_us - low_us) * 2.0);
    bench->event = tag_rise(&bench->tag, &bench->world, bench->now_us * 2.0);
}

/* First falling edge at fall_us. */
static inline enum tag_event send_at(struct bench *bench, double fall_us, const char *bits)
{
    const struct rig_link *link = &bench->link;
    double low_us = 0.4 * link->tari_us;
    bench->now_us = fall_us;
    bench_symbol(bench, 12.5, 12.5);
    bench_symbol(bench, link->tari_us, low_us);
    bench_symbol(bench, link->rtcal_us, low_us);
    if (strncmp(bits, "1000", 4) == 0) {
        bench_symbol(bench, link->trcal_us, low_us);
    }
    for (; *bits; bits++) {
        bench_symbol(bench, *bits == '1' ? link->rtcal_us - link->tari_us : link->tari_us, low_us);
    }
    return bench->event;
}

/* After everything the last exchange asks for: T2 min after a reply, T4 after a command. */
static inline enum tag_event send(struct bench *bench, const char *bits)
{
    double at_us = bench->now_us + 2.1 * bench->link.rtcal_us;
    if (bench->tag.has_reply) {
        at_us = fmax(at_us, bench->tag.reply.end_tick / 2.0 + 4e3 / bench->link.blf_khz);
    }
    return send_at(bench, at_us, bits);
}

static inline enum tag_event query(struct bench *bench, unsigned sel, unsigned session,
                                   unsigned target, unsigned q)
{
    char bits[32];
    rig_query(&bench->link, sel, session, target, q, bits);
    return send(bench, bits);
}

static inline enum tag_event ack(struct bench *bench, unsigned rn16)
{
    char bits[32];
    rig_ack(rn16, bits);
    return send(bench, bits);
}

static inline enum tag_event with_crc16(struct bench *bench, const char *body)
{
    char bits[BENCH_BITS_MAX];
    strcpy(bits, body);
    rig_append(bits, rig_crc16(body, strlen(body)), 16);
    return send(bench, bits);
}

/* mask: bits; pointer below 128 */
static inline enum tag_event choose(struct bench *bench, unsigned target, unsigned action,
                                    unsigned bank, unsigned pointer, const char *mask,
                                    unsigned truncate)
{
    char bits[600] = "1010";
    rig_append(bits, target, 3);
    rig_append(bits, action, 3);
    rig_append(bits, bank, 2);
    rig_append(bits, pointer, 8);
    rig_append(bits, (unsigned)strlen(mask), 8);
    strcat(bits, mask);
    rig_append(bits, truncate, 1);
    return with_crc16(bench, bits);
}

static inline void reply_text(struct bench *bench, char *bits)
{
    const struct tag_code *code = &bench->tag.reply.code;
    for (size_t i = 0; i < code->n_bits; i++) {
        bits[i] = (char)('0' + tag_bit(code->bits, i));
    }
    bits[code->n_bits] = '\0';
}

/* ---- with a handle, that of the fact sheet's examples ---- */

#define BENCH_HANDLE 0x1234u

/* head | RN | CRC-16 */
static inline enum tag_event command(struct bench *bench, const char *head, unsigned rn)
{
    char bits[BENCH_BITS_MAX];
    strcpy(bits, head);
    rig_append(bits, rn, 16);
    return with_crc16(bench, bits);
}

static inline enum tag_event req_rn(struct bench *bench, unsigned rn)
{
    return command(bench, "11000001", rn);
}

/* Hex digits, four bits each, after what is there. */
static inline void append_hex(char *bits, const char *hex)
{
    for (; *hex; hex++) {
        const char *digits = "0123456789ABCDEF";
        const char *at = strchr(digits, *hex);
        assert_non_null(at);
        rig_append(bits, (unsigned)(at - digits), 4);
    }
}

/* The last reply is these bits. */
static inline void expect_bits(struct bench *bench, const char *want)
{
    char got[BENCH_BITS_MAX];
    assert_int_equal(bench->event, TAG_EVENT_REPLY);
    reply_text(bench, got);
    assert_string_equal(got, want);
}

/* The last reply is body | handle | CRC-16. */
static inline void expect_body(struct bench *bench, const char *body)
{
    char want[BENCH_BITS_MAX];
    strcpy(want, body);
    rig_append(want, BENCH_HANDLE, 16);
    rig_append(want, rig_crc16(want, strlen(want)), 16);
    expect_bits(bench, want);
}

static inline void expect_done(struct bench *bench)
{
    expect_bits(bench, "000010010001101001101011000100111"); /* gen2.md 8.6 */
}

static inline void expect_error(struct bench *bench, unsigned code)
{
    char body[16] = "1";
    rig_append(body, code, 8);
    expect_body(bench, body);
}

static inline void expect_silence(struct bench *bench)
{
    assert_int_not_equal(bench->event, TAG_EVENT_REPLY);
}

/* Req_RN, then one half of Access (C6h) or Kill (C4h) covered with its RN16. */
static inline enum tag_event half(struct bench *bench, unsigned code, unsigned value)
{
    char bits[64] = "";
    assert_int_equal(req_rn(bench, BENCH_HANDLE), TAG_EVENT_REPLY);
    rig_append(bits, code, 8);
    rig_append(bits, (value ^ bench->tag.cover) & 0xFFFF, 16);
    rig_append(bits, 0, code == 0xC4 ? 3 : 0);
    return command(bench, bits, BENCH_HANDLE);
}

static inline enum tag_event both_halves(struct bench *bench, unsigned code, uint32_t password)
{
    assert_int_equal(half(bench, code, password >> 16), TAG_EVENT_REPLY);
    expect_bits(bench, "00010010001101001111000100110110"); /* 1234F136h */
    return half(bench, code, password & 0xFFFF);
}

/* Req_RN, then Write; word addresses below 128. */
static inline enum tag_event write_word(struct bench *bench, unsigned bank, unsigned word,
                                        unsigned value)
{
    char bits[64] = "11000011";
    assert_int_equal(req_rn(bench, BENCH_HANDLE), TAG_EVENT_REPLY);
    rig_append(bits, bank, 2);
    rig_append(bits, word, 8);
    rig_append(bits, value ^ bench->tag.cover, 16);
    return command(bench, bits, BENCH_HANDLE);
}

static inline enum tag_event read_words(struct bench *bench, unsigned bank, unsigned word,
                                        unsigned count)
{
    char bits[64] = "11000010";
    rig_append(bits, bank, 2);
    rig_append(bits, word, 8);
    rig_append(bits, count, 8);
    return command(bench, bits, BENCH_HANDLE);
}

static inline void expect_words(struct bench *bench, const char *hex)
{
    char body[BENCH_BITS_MAX] = "0";
    append_hex(body, hex);
    expect_body(bench, body);
}

static inline enum tag_event lock(struct bench *bench, unsigned payload)
{
    char bits[64] = "11000101";
    rig_append(bits, payload, 20);
    return command(bench, bits, BENCH_HANDLE);
}

static inline unsigned memory_word(const struct bench *bench, enum tag_bank bank, size_t word)
{
    return tag_memory_word(&bench->tag.store->memory, bank, word);
}

/* Time passes until the reply is over and long after, so that what was begun is done. */
static inline void finish_reply(struct bench *bench)
{
    bench->now_us = fmax(bench->now_us, bench->tag.reply.end_tick / 2);
    tag_go_on(&bench->tag, &bench->world, bench->now_us * 2);
}

static inline void dark(struct bench *bench, double seconds)
{
    tag_power_down(&bench->tag, bench->now_us * 2);
    bench->now_us += seconds * 1e6;
    tag_power_up(&bench->tag, &bench->world, bench->now_us * 2);
    bench->now_us += 1500;
}

/* Query of session S2 that the tag must answer, RN16 and EPC. */
static inline void singulate(struct bench *bench)
{
    const struct tag *tag = &bench->tag;
    bool flips = tag->state >= TAG_ACKNOWLEDGED && tag->session == 2;
    assert_int_equal(query(bench, 0, 2, tag->is_b[2] != flips, 0), TAG_EVENT_REPLY);
    assert_int_equal(ack(bench, tag->rn16), TAG_EVENT_REPLY);
}

/* Query, ACK, Req_RN and, where it has an access password and that is asked for, Access. */
static inline void reach(struct bench *bench, enum tag_state state)
{
    singulate(bench);
    assert_int_equal(req_rn(bench, bench->tag.rn16), TAG_EVENT_REPLY);
    bench->tag.handle = BENCH_HANDLE;
    if (bench->tag.state == TAG_OPEN && state == TAG_SECURED) {
        both_halves(bench, 0xC6, tag_memory_access_password(&bench->tag.store->memory));
    }
    assert_int_equal(bench->tag.state, state);
}

/* Bring a fresh tag into a state, session S2. */
static inline void bring_equipped(struct bench *bench, enum tag_state state,
                                  const struct tag_equipment *equipment)
{
    for (uint64_t seed = 1;; seed++) {
        bench_open_equipped(bench, rig_link_a, seed, equipment);
        if (state == TAG_READY) {
            query(bench, 0, 2, 1, 0); /* Target B: no match, but the link is known */
            break;
        }
        if (state >= TAG_OPEN) {
            reach(bench, state);
            break;
        }
        query(bench, 0, 2, 0, state == TAG_ARBITRATE ? 4 : 0);
        if (state == TAG_ACKNOWLEDGED) {
            assert_int_equal(ack(bench, bench->tag.rn16), TAG_EVENT_REPLY);
        }
        if (bench->tag.state == state) {
            break;
        }
    }
    assert_int_equal(bench->tag.state, state);
}

static inline void bring(struct bench *bench, enum tag_state state)
{
    bring_equipped(bench, state, NULL);
}

#endif
