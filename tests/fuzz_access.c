/* fuzz_access.c - arbitrary text as an operation; arbitrary and half-right replies as what a tag answers. A
 * contact always comes to an end, and what is told is told once. */
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "protocol/access.h"
#include "protocol/crc.h"
#include "protocol/proof.h"
#include "tests/fuzz_start.h"

enum { STEPS_MAX = 100000, CONTACTS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const uint8_t *at, *end; /* what is left of the input */

static unsigned take(void)
{
    return at < end ? *at++ : 0;
}

static void try_text(const uint8_t *data, size_t n_bytes)
{
    static const char *const starts[] = {
        "",      "read user ",   "write epc 2 ", "lock ",
        "kill ", "untraceable ", "permalock 0 ", "authenticate 0 "};
    char text[256], told[ACCESS_TEXT_MAX];
    static struct access_op op;
    text[fuzz_start(starts, 8, data, n_bytes, text, sizeof text - 1)] = '\0';
    if (access_op_parse(text, &op) == ST_OK) {
        require(op.n_words <= ACCESS_WORDS_MAX);
        access_op_text(&op, told);
        require(strlen(told) < sizeof told);
    } else {
        require(status_detail()[0] != '\0');
    }
}

/* Anything, or what the tag would say with a right CRC and whatever words. */
static void reply_make(const struct access_step *step, struct bitbuf *bits)
{
    const unsigned how = take();
    bits->n_bits = 0;
    size_t n_bits = how % 8 == 0 ? take() * 3u : step->n_reply_bits;
    n_bits = how % 8 == 1 ? 41 : n_bits;
    for (size_t i = 0; i < n_bits; i++) {
        bits->bit[bits->n_bits++] = (uint8_t)(i % 8 == 0 ? take() & 1 : i * how >> 3 & 1);
    }
    if (how % 8 >= 1 && n_bits >= 33) { /* header, handle, CRC */
        static const uint8_t handle[16] = {0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0};
        bits->bit[0] = how % 8 == 1;
        memcpy(bits->bit + n_bits - 32, handle, sizeof handle);
    }
    if (how % 8 >= 1 && n_bits >= 32) {
        static const uint8_t handle[16] = {0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0};
        if (n_bits == 32) {
            memcpy(bits->bit, handle, sizeof handle);
        }
        bits->n_bits = n_bits - 16;
        enum status status = crc_append(CRC_16, bits);
        require(status == ST_OK);
    }
}

static void contact_run(struct access *access)
{
    static struct bitbuf bits;
    uint8_t epc[12] = {0x30, (uint8_t)(take() % 3)};
    struct access_step step;
    struct access_report report;
    if (!access_wants(access, epc, 96)) {
        return;
    }
    access_begin(access, (uint16_t)take(), &step);
    for (unsigned n = 0; !step.over; n++) {
        require(n < STEPS_MAX);
        struct access_event event = {.heard = ACCESS_HEARD_NOTHING};
        const unsigned what = take();
        if (step.expect == REPLY_NONE) {
            event.heard = ACCESS_HEARD_SENT;
        } else if (what % 16 == 1) {
            event.heard = what % 32 == 1 ? ACCESS_HEARD_CUT : ACCESS_HEARD_LATE;
        } else if (what % 4 != 0) {
            reply_make(&step, &bits);
            event = (struct access_event){ACCESS_HEARD_REPLY, bits.bit, bits.n_bits};
        }
        if (!step.listens_only) {
            static struct bitbuf sent;
            enum status status = command_encode(&step.command, &sent);
            require(status == ST_OK);
        }
        access_advance(access, &event, &step);
        while (access_next_report(access, &report)) {
            require(report.outcome != ACCESS_PENDING);
            require(strlen(report.error) < sizeof report.error);
        }
    }
}

static bool key_of(void *context, const uint8_t *epc, size_t n_epc_bits, struct proof_key *key)
{
    static const uint8_t zeros[SUITE_AES_KEY_BYTES];
    (void)context;
    *key = (struct proof_key){.key = zeros, .wanted = {.n_blocks = 1}};
    return n_epc_bits == 0 || epc[0] != 0;
}

static enum status challenge_draw(void *context, uint8_t challenge[SUITE_AES_CHALLENGE_BYTES])
{
    (void)context;
    memset(challenge, 0x11, SUITE_AES_CHALLENGE_BYTES);
    return take() == 0x77 ? ST_IO : ST_OK;
}

static void try_contacts(void)
{
    static struct proof_source source = {.key_of = key_of, .challenge_draw = challenge_draw};
    if (!source.aes) {
        enum status made = suite_aes_new(&source.aes); /* kept: the driver ends the process */
        require(made == ST_OK);
    }
    static const char *const texts[] = {
        "tid",
        "read user 0 end",
        "read epc 1 7",
        "write user 0 1111222233334444",
        "write epc 1 30003034",
        "blockwrite user 0 11112222",
        "blockerase user 0 2",
        "permalock 0 80010001",
        "permalock-read 0 2",
        "untraceable epc=6 range=1",
        "authenticate 0 000102030405 128",
        "authenticate",
        "authenticate tid 0 3 cbc",
        "lock 08020",
        "kill DEADC0DE",
    };
    enum { N_TEXTS = sizeof texts / sizeof *texts };
    static struct access_cfg cfg;
    memset(&cfg, 0, sizeof cfg);
    const unsigned how = take();
    cfg.n_tries = 1 + how % 3;
    cfg.n_contacts_max = 2;
    cfg.n_tags_max = 2;
    cfg.source = &source;
    cfg.keeps_going = how & 8;
    cfg.identity = (enum access_identity)(how / 16 % 3);
    if (how & 4) {
        cfg.n_ops = 1; /* [0] is the password */
    }
    for (size_t i = take() % N_TEXTS; i < N_TEXTS; i++) {
        enum status status = access_op_parse(texts[i], &cfg.op[cfg.n_ops++]);
        require(status == ST_OK);
    }
    struct access *access = NULL;
    struct access_report report;
    enum status status = access_new(&cfg, &access);
    require(status == ST_OK);
    for (unsigned i = 0; i < CONTACTS; i++) {
        contact_run(access);
    }
    access_finish(access);
    struct access_totals totals;
    access_totals_read(access, &totals);
    size_t n_told = 0;
    while (access_next_report(access, &report)) {
        n_told++;
    }
    require(n_told <= cfg.n_ops * totals.n_tags);
    require(totals.n_complete == totals.n_tags);
    require(totals.n_ok + totals.n_failed + totals.n_unknown == cfg.n_ops * totals.n_tags);
    access_free(&access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    try_text(data, n_bytes);
    at = data;
    end = data + n_bytes;
    try_contacts();
    return 0;
}
