/* test_record_slot.c - slots as they are told: outcome, every reply in them, why one was lost, and the advice that
 * goes with it. */
#include "config/log.h"
#include "reader/record_parse.h"
#include "reader/record_reply.h"
#include "tests/record_rig.h"

static void record_slot_names_its_outcome(void **state)
{
    (void)state;
    static const char *const outcomes[] = {"empty", "single", "collision", "rn16_only",
                                           "crc_error"}; /* the contract's words */
    struct record record = {.type = RECORD_SLOT, .t_s = 1.5};
    record.slot = (struct record_slot){
        .outcome = SLOT_SINGLE, .round = 2, .slot = 15, .q = 4, .has_rn16 = true, .rn16 = 0xEEB0};
    assert_string_equal(json_of(&record, &undated),
                        "{\"v\":1,\"type\":\"slot\",\"reader\":\"dock-1\",\"t\":1.5,"
                        "\"outcome\":\"single\",\"round\":2,\"slot\":15,\"q\":4,"
                        "\"rn16\":\"EEB0\"}");
    for (int outcome = 0; outcome < SLOT_OUTCOME_N; outcome++) {
        record.slot.outcome = (enum slot_outcome)outcome;
        record.slot.has_rn16 = false;
        json_t *root = parsed(json_of(&record, &undated));
        assert_string_equal(json_string_value(json_object_get(root, "outcome")), outcomes[outcome]);
        assert_null(json_object_get(root, "rn16"));
        json_decref(root);
    }
    record.slot = (struct record_slot){.traced = true,
                                       .n_replies = 1,
                                       .reply = {{.score_nats = 12.345,
                                                  .fit_ratio = NAN,
                                                  .threshold_nats = 9,
                                                  .snr_db = 3,
                                                  .blf_hz = 40000.2,
                                                  .offset_hz = -0.2,
                                                  .residual_dbfs = -61.25}}};
    assert_string_equal(json_of(&record, &undated),
                        "{\"v\":1,\"type\":\"slot\",\"reader\":\"dock-1\",\"t\":1.5,"
                        "\"outcome\":\"empty\",\"round\":0,\"slot\":0,\"q\":0,"
                        "\"score_nats\":12.35,\"threshold_nats\":9.00,\"snr_db\":3.00,"
                        "\"blf_hz\":40000,\"offset_hz\":0,\"residual_dbfs\":-61.25}");
}

/* RN16 4F21 heard, its EPC lost beside another carrier. */
static struct record lost_example(void)
{
    struct record record = {.type = RECORD_SLOT, .t_s = 0.5};
    record.slot = (struct record_slot){
        .outcome = SLOT_RN16_ONLY,
        .round = 12,
        .slot = 3,
        .q = 4,
        .has_rn16 = true,
        .rn16 = 0x4F21,
        .cause = REPLY_CAUSE_WEAK,
        .traced = true,
        .detailed = true,
        .n_replies = 2,
    };
    record.slot.reply[0] = (struct record_reply){
        .ok = true,
        .verdict = REPLY_DECODED,
        .cause = REPLY_CAUSE_CARRIER,
        .score_nats = 41.5,
        .threshold_nats = 30.0,
        .fit_ratio = 0.7,
        .snr_db = 8.25,
        .blf_hz = 41234.56,
        .offset_hz = 12.5,
        .leak_dbfs = -9.0,
        .residual_dbfs = -80.0,
        .noise_dbfs = -68.0,
        .trace = {.preamble_nats = 20.0,
                  .gate_nats = 6.0,
                  .start_us = 251.125,
                  .clock_error_ratio = 0.031,
                  .clock_drift_ratio = -0.0005,
                  .residual_ratio = 1.05,
                  .noise_spread_db = 3.5,
                  .noise_axis_deg = 44.4,
                  .bit_errors_expected = 0.25,
                  .blanked_ratio = 0.01,
                  .tone = {{.offset_hz = -12300.0, .power_dbfs = -40.1}},
                  .n_tones = 1,
                  .n_list_tried = 7,
                  .n_errors = 2,
                  .error_bit = {3, 17}},
    };
    record.slot.reply[1] = (struct record_reply){
        .is_epc = true,
        .cause = REPLY_CAUSE_WEAK,
        .score_nats = 22.0,
        .threshold_nats = 30.0,
        .fit_ratio = NAN,
        .snr_db = 7.2,
        .blf_hz = NAN,
        .offset_hz = NAN,
        .leak_dbfs = NAN,
        .residual_dbfs = NAN,
        .noise_dbfs = NAN,
        .trace = {.preamble_nats = NAN,
                  .gate_nats = NAN,
                  .start_us = NAN,
                  .clock_error_ratio = 0.031,
                  .clock_drift_ratio = NAN,
                  .residual_ratio = NAN,
                  .noise_spread_db = NAN,
                  .noise_axis_deg = NAN,
                  .bit_errors_expected = NAN,
                  .blanked_ratio = NAN},
    };
    return record;
}

static const char lost_replies[] =
    "\"replies\":["
    "{\"kind\":\"rn16\",\"ok\":true,\"verdict\":\"decoded\",\"cause\":\"carrier\","
    "\"cause_text\":\"another carrier\",\"clipped\":false,\"preamble_nats\":20.00,"
    "\"gate_nats\":6.00,\"score_nats\":41.50,\"threshold_nats\":30.00,\"fit_ratio\":0.7000,"
    "\"residual_ratio\":1.0500,\"snr_db\":8.25,\"start_us\":251.125,\"blf_hz\":41234.6,"
    "\"clock_error_ratio\":0.031000,\"clock_drift_ratio\":-0.000500,\"offset_hz\":12.5,"
    "\"leak_dbfs\":-9.00,\"residual_dbfs\":-80.00,\"noise_dbfs\":-68.00,"
    "\"noise_spread_db\":3.50,\"noise_axis_deg\":44.4,\"blanked_ratio\":0.0100,"
    "\"tones\":[{\"offset_hz\":-12300,\"dbfs\":-40.10}],\"bit_errors_expected\":0.250,"
    "\"bit_errors\":2,\"error_bits\":[3,17],\"list_tried\":7},"
    "{\"kind\":\"epc\",\"ok\":false,\"verdict\":\"none\",\"cause\":\"weak\","
    "\"cause_text\":\"reply too weak\",\"clipped\":false,\"score_nats\":22.00,"
    "\"threshold_nats\":30.00,\"snr_db\":7.20,\"clock_error_ratio\":0.031000,\"tones\":[],"
    "\"bit_errors\":0,\"error_bits\":[],\"list_tried\":0}]}";

static void record_slot_tells_all_of_each_reply(void **state)
{
    (void)state;
    struct record record = lost_example();
    const char *text = json_of(&record, &undated);
    const char *replies = strstr(text, "\"replies\":");
    assert_non_null(replies);
    assert_string_equal(replies, lost_replies);
    assert_non_null(strstr(text, "\"rn16\":\"4F21\",\"cause\":\"weak\",\"score_nats\":22.00,"));
    struct record back;
    struct record_context context;
    char again[RECORD_JSON_MAX];
    assert_int_equal(record_from_json(text, strlen(text), &back, &context), ST_OK);
    record_to_json(&back, &context, again, sizeof again);
    assert_string_equal(again, text);
    record.slot.detailed = record.slot.traced = false; /* the cause is told without --trace */
    json_t *root = parsed(json_of(&record, &undated));
    assert_string_equal(json_string_value(json_object_get(root, "cause")), "weak");
    assert_null(json_object_get(root, "replies"));
    assert_null(json_object_get(root, "score_nats"));
    json_decref(root);
}

static void record_slot_line_says_why(void **state)
{
    (void)state;
    struct record record = lost_example();
    check_line(&record,
               "    0.5000 slot 12.3: RN16 4F21 heard, EPC lost: reply too weak (score 22 of "
               "30 nats), clock +3.1 %, 7.2 dB");
    record.slot.n_replies = 1;
    check_line(&record,
               "    0.5000 slot 12.3: RN16 4F21 heard, EPC lost: another carrier (-12.3 kHz, "
               "-40.1 dBFS), clock +3.1 %, 8.2 dB, doubtful bits 3 17");
    record.slot.outcome = SLOT_COLLISION;
    record.slot.has_rn16 = false;
    record.slot.reply[0].cause = REPLY_CAUSE_MISFIT;
    record.slot.reply[0].trace.n_errors = 0;
    check_line(&record,
               "    0.5000 slot 12.3: energy, no RN16: more than one reply (fit 0.70), clock "
               "+3.1 %, 8.2 dB");
    record.slot.outcome = SLOT_EMPTY;
    record.slot.cause = REPLY_CAUSE_IMPULSES;
    record.slot.reply[0] = (struct record_reply){
        .cause = REPLY_CAUSE_IMPULSES,
        .snr_db = NAN,
        .trace = {.clock_error_ratio = NAN, .blanked_ratio = 0.0123},
    };
    check_line(&record, "    0.5000 slot 12.3: no reply: impulses (1.2 % of the samples)");
    record.slot.cause = REPLY_CAUSE_NONE;
    check_line(&record, ""); /* an empty slot is no failure */
    record.slot.outcome = SLOT_SINGLE;
    check_line(&record, "");
}

/* Windows of one slot, as the receiver reports them. */
static void record_slot_keeps_the_rn16_and_the_last_epc(void **state)
{
    (void)state;
    struct record_slot slot = {.n_replies = 0};
    struct record_status totals = {.reads = 0};
    static struct reply_result result;
    result.verdict = REPLY_DECODED;
    result.cause = REPLY_CAUSE_CARRIER;
    record_slot_note(&slot, &result, false, true);
    result.clipped = true;
    result.cause = REPLY_CAUSE_CLIPPED;
    record_slot_note(&slot, &result, true, false);
    result.clipped = false;
    result.cause = REPLY_CAUSE_NONE;
    record_slot_note(&slot, &result, true, true); /* the ACK again */
    assert_int_equal(slot.n_replies, 2);
    assert_false(slot.reply[0].is_epc);
    assert_true(slot.reply[1].is_epc);
    assert_true(slot.reply[1].ok);
    record_slot_count(&slot, &totals);
    assert_int_equal(slot.cause, REPLY_CAUSE_CARRIER);
    assert_int_equal(totals.causes[REPLY_CAUSE_CARRIER], 1);
    assert_int_equal(totals.clipped, 1);
    record_slot_note(&slot, &result, false, true); /* the next slot */
    record_slot_count(&slot, &totals);
    assert_int_equal(slot.n_replies, 1);
    assert_int_equal(slot.cause, REPLY_CAUSE_NONE);
    assert_int_equal(totals.causes[REPLY_CAUSE_CARRIER], 1);
    assert_int_equal(totals.clipped, 1);
}

static char advice_line[4][256];
static size_t n_advice_lines;

static void advice_take(enum log_level level, const char *line)
{
    assert_int_equal(level, LOG_WARNING);
    assert_in_range(n_advice_lines, 0, 3);
    snprintf(advice_line[n_advice_lines++], sizeof *advice_line, "%s", line);
}

static void record_advice_is_given_once(void **state)
{
    (void)state;
    struct record_advice advice = {false, false};
    static struct reply_result result;
    log_set_sink(advice_take);
    record_advise(&advice, &result);
    assert_int_equal(n_advice_lines, 0);
    result.clipped = true;
    result.cause = REPLY_CAUSE_CARRIER;
    result.trace.n_tones = 1;
    result.trace.tone[0] = (struct reply_tone){.offset_hz = 25400.0, .power_dbfs = -31.26};
    for (size_t k = 0; k < 1000; k++) {
        record_advise(&advice, &result);
    }
    log_set_sink(NULL);
    assert_int_equal(n_advice_lines, 2);
    assert_non_null(strstr(advice_line[0], "receiver clips: lower radio.rx_gain_db"));
    assert_non_null(strstr(advice_line[1], "another carrier +25.4 kHz beside ours at -31.3 dBFS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_slot_names_its_outcome),
        cmocka_unit_test(record_slot_tells_all_of_each_reply),
        cmocka_unit_test(record_slot_line_says_why),
        cmocka_unit_test(record_slot_keeps_the_rn16_and_the_last_epc),
        cmocka_unit_test(record_advice_is_given_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
