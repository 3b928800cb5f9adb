/* test_access.c - operations on a scripted tag: what is reported agrees with what the tag holds, with
 * every reply lost once, power cut before and after every command, and all at random. */
#include "golden.h"

#include <stdio.h>

#include "tests/access_tag.h"

struct air { /* between tag and reader: what goes wrong, counted in commands */
    struct tag *tag;
    unsigned n_commands, n_contacts;
    unsigned lose_reply_at, cut_before_at, cut_after_at; /* 0: never */
    unsigned lose_every; /* 0: never; all replies from lose_reply_at on */
    uint32_t chance;     /* random losses and cuts: state of the generator, 0: none */
};

struct outcome_seen {
    enum access_outcome outcome;
    char error[ACCESS_ERROR_TEXT_MAX];
    size_t n_data_bits;
    uint8_t data[512];
    unsigned n;
};

struct run {
    struct tag tag;
    struct air air;
    struct access_cfg cfg;
    struct access *access;
    struct outcome_seen seen[ACCESS_OPS_MAX];
    struct access_totals totals;
};

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* One step over the air: what the reader hears. */
static void air_carry(struct air *air, const struct access_step *step, struct bitbuf *bits,
                      struct access_event *event)
{
    struct bitbuf sent;
    const unsigned n = ++air->n_commands;
    *event = (struct access_event){.heard = ACCESS_HEARD_NOTHING};
    bool cut_before = n == air->cut_before_at, cut_after = n == air->cut_after_at;
    bool lose = n == air->lose_reply_at || (air->lose_every && n >= air->lose_reply_at);
    if (air->chance) {
        cut_before = cut_before || draw(&air->chance) % 30 == 0;
        cut_after = cut_after || draw(&air->chance) % 30 == 0;
        lose = lose || draw(&air->chance) % 6 == 0;
    }
    bits->n_bits = 0;
    if (cut_before) {
        tag_power_cut(air->tag);
        event->heard = ACCESS_HEARD_CUT;
        return;
    }
    if (step->listens_only) {
        tag_in_process(air->tag, bits);
    } else {
        assert_int_equal(command_encode(&step->command, &sent), ST_OK);
        tag_hear(air->tag, &sent, bits);
    }
    if (cut_after) {
        tag_power_cut(air->tag);
        event->heard = ACCESS_HEARD_CUT;
    } else if (step->expect == REPLY_NONE) {
        event->heard = ACCESS_HEARD_SENT;
    } else if (lose && bits->n_bits > 0) {
        bits->bit[bits->n_bits / 2] ^= n % 2; /* garbled, or not heard at all */
        event->heard = n % 2 ? ACCESS_HEARD_REPLY : ACCESS_HEARD_NOTHING;
    } else if (bits->n_bits > 0) {
        event->heard = ACCESS_HEARD_REPLY;
    }
    event->bit = bits->bit;
    event->n_bits = bits->n_bits;
}

static void reports_take(struct run *run)
{
    struct access_report report;
    while (access_next_report(run->access, &report)) {
        struct outcome_seen *seen = &run->seen[report.at];
        assert_true(report.outcome != ACCESS_PENDING);
        assert_int_equal(seen->n, 0); /* told once */
        seen->n++;
        seen->outcome = report.outcome;
        memcpy(seen->error, report.error, sizeof seen->error);
        seen->n_data_bits = report.n_data_bits;
        memcpy(seen->data, report.data ? report.data : seen->data, (report.n_data_bits + 7) / 8);
    }
}

/* The inventory meets the tag: a contact, if the reader wants one.   out false: it does not */
static bool contact(struct run *run)
{
    struct tag *tag = &run->tag;
    struct access_step step;
    struct access_event event;
    static struct bitbuf bits;
    uint8_t epc[62];
    const size_t n_words = tag->word[BANK_EPC][1] >> 11;
    for (size_t i = 0; i < n_words; i++) {
        epc[2 * i] = (uint8_t)(tag->word[BANK_EPC][2 + i] >> 8);
        epc[2 * i + 1] = (uint8_t)tag->word[BANK_EPC][2 + i];
    }
    if (!access_wants(run->access, epc, 16 * n_words)) {
        return false;
    }
    tag->state = TAG_ACKNOWLEDGED;
    tag->rn16 = tag_rn(tag);
    run->air.n_contacts++;
    access_begin(run->access, tag->rn16, &step);
    while (!step.over) {
        assert_true(run->air.n_commands < 5000);
        air_carry(&run->air, &step, &bits, &event);
        access_advance(run->access, &event, &step);
        reports_take(run);
    }
    return true;
}

static void run_begin(struct run *run, const char *const *op_text, size_t n_ops, bool with_password)
{
    memset(run, 0, sizeof *run);
    tag_make(&run->tag);
    run->air.tag = &run->tag;
    run->cfg.n_tries = 3;
    run->cfg.n_contacts_max = 5;
    run->cfg.n_tags_max = 4;
    if (with_password) {
        run->cfg.op[0].kind = ACCESS_OP_ACCESS;
        run->cfg.op[0].password = 0x12345678;
        run->cfg.n_ops = 1;
    }
    for (size_t i = 0; i < n_ops; i++) {
        enum status status = access_op_parse(op_text[i], &run->cfg.op[run->cfg.n_ops++]);
        if (status) {
            fail_msg("%s", status_detail());
        }
    }
    assert_int_equal(access_new(&run->cfg, &run->access), ST_OK);
}

/* Contacts until nothing is left to be done, or the tag does not come any more. */
static void run_through(struct run *run)
{
    enum {
        CONTACTS_MAX = 120
    }; /* a reader that goes by TIDs wants every tag: it may be another one */
    for (unsigned n = 0; n < CONTACTS_MAX && run->tag.state != TAG_KILLED; n++) {
        access_totals_read(run->access, &run->totals);
        bool complete = run->totals.n_tags > 0 && run->totals.n_complete == run->totals.n_tags;
        if (complete || !contact(run)) {
            break;
        }
    }
    access_finish(run->access);
    reports_take(run);
    access_totals_read(run->access, &run->totals);
    access_free(&run->access);
    for (size_t i = 0; i < run->cfg.n_ops && run->totals.n_tags > 0; i++) {
        assert_int_equal(run->seen[i].n, 1);
    }
}

static void run_text(struct run *run, const char *text, bool with_password)
{
    run_begin(run, &text, 1, with_password);
    run_through(run);
}

/* Does the tag hold what the operation was to bring about? */
static bool tag_holds(const struct run *run, const struct access_op *op)
{
    const struct tag *tag = &run->tag;
    switch (op->kind) {
    case ACCESS_OP_WRITE:
    case ACCESS_OP_BLOCK_WRITE:
        return memcmp(&tag->word[op->bank][op->pointer], op->word, 2u * op->n_words) == 0;
    case ACCESS_OP_BLOCK_ERASE:
        for (size_t i = 0; i < op->n_words; i++) {
            if (tag->word[op->bank][op->pointer + i]) {
                return false;
            }
        }
        return true;
    case ACCESS_OP_LOCK:
        return tag->lock_payload == ((uint32_t)op->lock_mask << 10 | op->lock_action);
    case ACCESS_OP_KILL: return tag->state == TAG_KILLED;
    case ACCESS_OP_PERMALOCK: return (tag->permalock & op->word[0]) == op->word[0];
    case ACCESS_OP_UNTRACEABLE: return tag->n_untraceable > 0;
    default: return true;
    }
}

/* The whole of it: yes means yes, no means no. Words of a failed Write may be there in part. */
static void check_agrees(const struct run *run)
{
    for (size_t i = 0; i < run->cfg.n_ops && run->totals.n_tags > 0; i++) {
        const struct access_op *op = &run->cfg.op[i];
        const bool holds = tag_holds(run, op);
        if (run->seen[i].outcome == ACCESS_OK && !holds) {
            fail_msg("operation %zu is told as done, and is not", i);
        }
        const bool changes = op->kind != ACCESS_OP_READ && op->kind != ACCESS_OP_TID &&
                             op->kind != ACCESS_OP_ACCESS && op->kind != ACCESS_OP_AUTHENTICATE &&
                             op->kind != ACCESS_OP_PERMALOCK_READ;
        if (run->seen[i].outcome == ACCESS_FAILED && changes && holds) {
            fail_msg("operation %zu is told as not done, and is: %s", i, run->seen[i].error);
        }
    }
}

static const char *const everything[] = {
    "tid",
    "read user 0 40",
    "read user 28 end",
    "write user 2 CAFEBABE0102",
    "write epc 2 E280AAAABBBBCCCCDDDDEEEE",
    "blockwrite user 8 0123456789ABCDEF",
    "blockerase user 14 3",
    "permalock-read 0 1",
    "permalock 0 8001",
    "authenticate 0 00000102030405060708090A 128",
    "untraceable epc=5",
    "lock epc=lock access=permalock",
    "kill DEADC0DE",
};
enum { EVERYTHING = sizeof everything / sizeof *everything, OP_TOO_FAR = 2, OP_KILL = EVERYTHING };

/* Words that were written once only, whatever was lost. */
static void check_written_once(const struct tag *tag)
{
    for (size_t bank = 0; bank < BANK_N; bank++) {
        for (size_t i = 0; i < BANK_WORDS; i++) {
            assert_true(tag->n_writes[bank][i] <= 1);
        }
    }
    assert_true(tag->n_kills <= 1);
}

/* All operations but the one that asks for words that are not there, one after the other. */
static void everything_begin(struct run *run)
{
    run_begin(run, everything, EVERYTHING, true);
    access_free(&run->access);
    run->cfg.keeps_going = true;
    assert_int_equal(access_new(&run->cfg, &run->access), ST_OK);
}

static void access_does_everything_in_one_contact(void **state)
{
    (void)state;
    static struct run run;
    everything_begin(&run);
    run.tag.n_working = 3;
    run_through(&run);
    assert_int_equal(run.air.n_contacts, 1);
    for (size_t i = 0; i < run.cfg.n_ops; i++) {
        enum access_outcome wanted = i == OP_TOO_FAR ? ACCESS_FAILED : ACCESS_OK;
        if (run.seen[i].outcome != wanted) {
            fail_msg("operation %zu: %s", i, run.seen[i].error);
        }
    }
    assert_non_null(strstr(run.seen[OP_TOO_FAR].error, "memory overrun"));
    check_agrees(&run);
    check_written_once(&run.tag);
    assert_int_equal(run.tag.n_locks, 2);
    assert_int_equal(run.seen[1].n_data_bits, 96); /* TID */
    assert_memory_equal(run.seen[1].data, "\xE2\x80\x11\x60\x20\x00\x7A\xBC\x12\x34\x56\x78", 12);
    assert_int_equal(run.seen[3].n_data_bits, 64); /* words 28 .. 31 */
    assert_memory_equal(run.seen[3].data, "\xA0\x1C\xA0\x1D\xA0\x1E\xA0\x1F", 8);
    assert_int_equal(run.seen[10].n_data_bits, 128);
    assert_memory_equal(run.seen[10].data, "\x60\x4A\xD3\xBE", 4);
}

static unsigned commands_of_everything(void)
{
    static struct run run;
    everything_begin(&run);
    run_through(&run);
    return run.air.n_commands;
}

static void access_survives_every_lost_reply(void **state)
{
    (void)state;
    static struct run run;
    const unsigned n_steps = commands_of_everything();
    assert_true(n_steps > 40);
    for (unsigned k = 1; k <= n_steps; k++) {
        everything_begin(&run);
        run.air.lose_reply_at = k;
        run_through(&run);
        check_agrees(&run);
        check_written_once(&run.tag);
        assert_int_equal(run.tag.state, TAG_KILLED);
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            enum access_outcome wanted = i == OP_TOO_FAR ? ACCESS_FAILED : ACCESS_OK;
            wanted = i == OP_KILL && k == n_steps ? ACCESS_UNKNOWN : wanted;
            if (run.seen[i].outcome != wanted) {
                fail_msg("reply %u lost, operation %zu: %s", k, i, run.seen[i].error);
            }
        }
    }
}

static void access_survives_every_power_cut(void **state)
{
    (void)state;
    static struct run run;
    const unsigned n_steps = commands_of_everything();
    for (unsigned k = 1; k <= 2 * n_steps; k++) {
        everything_begin(&run);
        run.air.cut_before_at = k <= n_steps ? k : 0;
        run.air.cut_after_at = k <= n_steps ? 0 : k - n_steps;
        run_through(&run);
        check_agrees(&run);
        check_written_once(&run.tag);
        assert_int_equal(run.tag.state, TAG_KILLED);
        assert_int_equal(run.totals.n_tags, 1); /* taken for the same tag, whatever its EPC is */
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            enum access_outcome wanted = i == OP_TOO_FAR ? ACCESS_FAILED : ACCESS_OK;
            wanted = i == OP_KILL && k == 2 * n_steps ? ACCESS_UNKNOWN : wanted;
            if (run.seen[i].outcome != wanted) {
                fail_msg("cut %u of 2 x %u, operation %zu: %s", k, n_steps, i, run.seen[i].error);
            }
        }
    }
}

/* From some step on no reply comes any more: what is told is true all the same. */
static void access_of_a_tag_that_falls_silent(void **state)
{
    (void)state;
    static struct run run;
    const unsigned n_steps = commands_of_everything();
    unsigned n_unknown = 0;
    for (unsigned k = 1; k <= n_steps; k++) {
        everything_begin(&run);
        run.air.lose_reply_at = k;
        run.air.lose_every = 1;
        run_through(&run);
        check_agrees(&run);
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            n_unknown += run.seen[i].outcome == ACCESS_UNKNOWN;
        }
    }
    assert_true(n_unknown > 10);
    assert_true(n_unknown < n_steps);
}

static void access_agrees_with_the_tag_at_random(void **state)
{
    (void)state;
    static struct run run;
    unsigned n_ok = 0, n_all = 0;
    for (uint32_t seed = 1; seed <= 3000; seed++) {
        everything_begin(&run);
        run.air.chance = seed * 2654435761u | 1;
        run_through(&run);
        check_agrees(&run);
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            n_ok += run.seen[i].outcome == ACCESS_OK;
            n_all++;
        }
    }
    assert_true(n_ok > n_all / 2);
}

static void access_wrong_password_stops_everything(void **state)
{
    (void)state;
    static struct run run;
    static const char *const ops[] = {"read user 0 1", "write user 0 1111"};
    for (unsigned half = 0; half < 2; half++) {
        run_begin(&run, ops, 2, true);
        run.tag.word[BANK_RESERVED][2 + half] ^= 1;
        run_through(&run);
        assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[0].error, "password"));
        assert_int_equal(run.seen[1].outcome, ACCESS_FAILED);
        assert_int_equal(run.seen[2].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[2].error, "not done"));
        assert_int_equal(run.tag.n_writes[BANK_USER][0], 0);
        assert_int_equal(run.air.n_contacts, 3);
    }
}

static void access_wrong_kill_password_kills_nobody(void **state)
{
    (void)state;
    static struct run run;
    static const char *const wrong[] = {"kill DEADC0DF", "kill DEACC0DE"};
    for (size_t i = 0; i < 2; i++) {
        run_text(&run, wrong[i], false);
        assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[0].error, "password"));
        assert_int_equal(run.tag.state == TAG_KILLED, false);
    }
}

static void access_locked_memory_is_told(void **state)
{
    (void)state;
    static struct run run;
    run_text(&run, "write tid 1 BEEF", false);
    assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
    assert_string_equal(run.seen[0].error, "memory locked (0 of 1 words are written)");
    run_text(&run, "write user 31 BEEFCAFE", false); /* the second word does not exist */
    assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
    assert_non_null(strstr(run.seen[0].error, "memory overrun"));
    assert_non_null(strstr(run.seen[0].error, "(1 of 2 words are written)"));
    assert_int_equal(run.tag.word[BANK_USER][31], 0xBEEF);
    run_text(&run, "lock epc=lock", false); /* open, not secured */
    assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
    assert_string_equal(run.seen[0].error, "insufficient privileges");
    run_text(&run, "read reserved 0 4", false);
    assert_int_equal(run.seen[0].outcome, ACCESS_OK);
}

/* Passwords that may be written but not read: the tag's own yes is all there is. */
static void access_unreadable_words_are_written_unverified(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "write reserved 2 11112222";
    for (unsigned lose = 0; lose < 8; lose++) {
        run_begin(&run, &text, 1, true);
        run.tag.passwords_hidden = true;
        run.air.lose_reply_at = lose;
        run_through(&run);
        assert_int_equal(run.seen[1].outcome, ACCESS_OK);
        assert_non_null(strstr(run.seen[1].error, "not verified"));
        check_agrees(&run);
    }
}

/* A tag that says yes and keeps something else. */
static void access_worn_memory_is_told(void **state)
{
    (void)state;
    static struct run run;
    static const char *const ops[] = {"write user 0 FFFF1234", "blockwrite user 0 FFFF1234"};
    for (size_t i = 0; i < 2; i++) {
        run_begin(&run, &ops[i], 1, false);
        run.tag.stuck = 0x0100;
        run_through(&run);
        assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[0].error, "reads back otherwise"));
        assert_int_equal(run.seen[0].n_data_bits, 32);
        assert_memory_equal(run.seen[0].data, "\xFE\xFF\x12\x34", 4);
        assert_in_range(run.tag.n_writes[BANK_USER][0], 2, 3);
    }
}

static void access_tags_are_chosen_by_masks(void **state)
{
    (void)state;
    static const struct {
        struct access_mask epc, tid;
        bool is_chosen;
    } cases[] = {
        {{32, 16, {0x30, 0x34}}, {0, 0, {0}}, true},
        {{32, 16, {0x30, 0x35}}, {0, 0, {0}}, false},
        {{112, 32, {0x44, 0x44, 0, 0}}, {0, 0, {0}}, false}, /* beyond the EPC's end */
        {{0, 0, {0}}, {8, 24, {0x80, 0x11, 0x60}}, true},
        {{0, 0, {0}}, {8, 24, {0x80, 0x11, 0x61}}, false},
        {{0, 0, {0}}, {90, 16, {0}}, false}, /* beyond the TID's end */
    };
    static struct run run;
    const char *text = "write user 0 1234";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_begin(&run, &text, 1, true);
        access_free(&run.access);
        run.cfg.epc = cases[i].epc;
        run.cfg.tid = cases[i].tid;
        assert_int_equal(access_new(&run.cfg, &run.access), ST_OK);
        for (unsigned k = 0; k < 3; k++) {
            contact(&run);
        }
        run_through(&run);
        assert_int_equal(run.totals.n_tags, cases[i].is_chosen);
        assert_int_equal(run.tag.n_writes[BANK_USER][0], cases[i].is_chosen);
    }
}

/* Two tags that swap EPCs are kept apart by their TIDs. */
static void access_tags_with_one_epc_are_kept_apart(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "write epc 7 9999";
    run_begin(&run, &text, 1, true);
    assert_true(contact(&run));
    struct tag first = run.tag;
    tag_make(&run.tag);
    run.tag.word[BANK_TID][5] ^= 1;
    run.tag.word[BANK_EPC][7] = 0x9999; /* as the first one is called by now */
    memset(run.seen, 0, sizeof run.seen);
    contact(&run);
    assert_int_equal(run.tag.n_writes[BANK_EPC][7], 1);
    struct access_totals totals;
    access_totals_read(run.access, &totals);
    assert_int_equal(totals.n_tags, 2);
    assert_int_equal(totals.n_complete, 2);
    run.tag = first; /* the first one again: nothing is done anew */
    contact(&run);
    assert_int_equal(run.tag.n_writes[BANK_EPC][7], 1);
    access_free(&run.access);
}

static void access_late_handle_is_taken_up_again(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "read user 0 2";
    struct access_step step;
    static const uint8_t epc[] = {0x30, 0x34, 0x11, 0x11, 0x22, 0x22,
                                  0x33, 0x33, 0x44, 0x44, 0x55, 0x55};
    run_begin(&run, &text, 1, false);
    assert_true(access_wants(run.access, epc, 96));
    access_begin(run.access, 0x1234, &step);
    assert_true(step.in_t2);
    struct access_event late = {.heard = ACCESS_HEARD_LATE};
    access_advance(run.access, &late, &step);
    assert_true(step.over);
    run_through(&run);
    assert_int_equal(run.seen[0].outcome, ACCESS_OK);
    assert_int_equal(run.totals.n_tags, 1);
}

static void access_tags_beyond_the_room_are_counted(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "read user 0 2";
    struct access_totals totals;
    uint8_t epc[12] = {0};
    run_begin(&run, &text, 1, false);
    for (unsigned i = 0; i < 6; i++) {
        epc[11] = (uint8_t)i;
        assert_int_equal(access_wants(run.access, epc, 96), i < 4);
    }
    access_totals_read(run.access, &totals);
    assert_int_equal(totals.n_tags, 4);
    assert_int_equal(totals.n_turned_away, 2);
    access_free(&run.access);
}

static void access_refuses_what_cannot_be(void **state)
{
    (void)state;
    struct access *access = NULL;
    static struct access_cfg cfg = {.n_tries = 1, .n_contacts_max = 1, .n_tags_max = 1};
    assert_int_equal(access_new(&cfg, &access), ST_RANGE);
    cfg.n_ops = 2;
    assert_int_equal(access_op_parse("kill 12345678", &cfg.op[0]), ST_OK);
    assert_int_equal(access_op_parse("tid", &cfg.op[1]), ST_OK);
    assert_int_equal(access_new(&cfg, &access), ST_RANGE);
    assert_non_null(strstr(status_detail(), "kill"));
    assert_null(access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_does_everything_in_one_contact),
        cmocka_unit_test(access_survives_every_lost_reply),
        cmocka_unit_test(access_survives_every_power_cut),
        cmocka_unit_test(access_of_a_tag_that_falls_silent),
        cmocka_unit_test(access_agrees_with_the_tag_at_random),
        cmocka_unit_test(access_wrong_password_stops_everything),
        cmocka_unit_test(access_wrong_kill_password_kills_nobody),
        cmocka_unit_test(access_locked_memory_is_told),
        cmocka_unit_test(access_unreadable_words_are_written_unverified),
        cmocka_unit_test(access_worn_memory_is_told),
        cmocka_unit_test(access_tags_are_chosen_by_masks),
        cmocka_unit_test(access_tags_with_one_epc_are_kept_apart),
        cmocka_unit_test(access_late_handle_is_taken_up_again),
        cmocka_unit_test(access_tags_beyond_the_room_are_counted),
        cmocka_unit_test(access_refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
