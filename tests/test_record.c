/* test_record.c - every event of the contract, against lines written by hand. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "config/log.h"
#include "reader/json_text.h"
#include "reader/record.h"
#include "reader/record_parse.h"
#include "reader/record_reply.h"

static const struct record_context undated = {.reader_name = "dock-1", .epoch_s = NAN};

static const char *json_of(const struct record *record, const struct record_context *context)
{
    static char text[RECORD_JSON_MAX];
    size_t n = record_to_json(record, context, text, sizeof text);
    assert_int_equal(n, strlen(text));
    return text;
}

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        fail_msg("%s in %s", error.text, text);
    }
    return root;
}

/* The EPC and URI are the SGTIN-96 example of the EPC Tag Data Standard. */
static struct record read_example(void)
{
    static const uint8_t epc[] = {0x30, 0x74, 0x25, 0x7B, 0xF7, 0x19,
                                  0x4E, 0x40, 0x00, 0x00, 0x1A, 0x85};
    struct record record = {.type = RECORD_READ, .t_s = 0.1};
    record.read = (struct record_read){
        .n_epc_bits = 96,
        .pc = 0x3000,
        .rn16 = 0x00AF,
        .antenna = "RX2",
        .freq_hz = 915250000.0,
        .rssi_dbfs = -40.659,
        .rssi_dbm = NAN,
        .snr_db = 21.4951,
        .phase_deg = 12.34,
        .blf_hz = 39908.4,
        .session = 2,
        .round = 7,
        .slot = 3,
        .count = 12,
    };
    memcpy(record.read.epc, epc, sizeof epc);
    return record;
}

static void record_read_is_written_as_the_contract_says(void **state)
{
    (void)state;
    struct record record = read_example();
    const char *text = json_of(&record, &undated);
    assert_string_equal(
        text, "{\"v\":1,\"type\":\"read\",\"reader\":\"dock-1\",\"t\":0.1,\"protocol\":\"gen2\","
              "\"epc\":\"3074257BF7194E4000001A85\",\"pc\":\"3000\","
              "\"uri\":\"urn:epc:id:sgtin:0614141.812345.6789\",\"antenna\":\"RX2\","
              "\"freq_hz\":915250000,\"rssi_dbfs\":-40.66,\"snr_db\":21.50,\"phase_deg\":12.3,"
              "\"blf_hz\":39908,\"rn16\":\"00AF\",\"session\":2,\"round\":7,\"slot\":3,"
              "\"count\":12,\"recovered\":false}");
    json_t *root = parsed(text);
    assert_true(json_is_integer(json_object_get(root, "v")));
    assert_true(json_is_number(json_object_get(root, "t")));
    assert_string_equal(json_string_value(json_object_get(root, "rn16")), "00AF");
    assert_true(json_is_false(json_object_get(root, "recovered")));
    assert_int_equal(json_object_size(root), 20);
    json_decref(root);
}

static void record_read_leaves_out_what_is_not_known(void **state)
{
    (void)state;
    struct record record = read_example();
    record.read.epc[0] = 0xE2; /* no EPC header of the Tag Data Standard */
    record.read.freq_hz = NAN;
    record.read.rssi_dbm = -61.0;
    record.read.snr_db = NAN;
    record.read.recovered = true;
    json_t *root = parsed(json_of(&record, &undated));
    assert_null(json_object_get(root, "uri"));
    assert_null(json_object_get(root, "time"));
    assert_null(json_object_get(root, "freq_hz"));
    assert_null(json_object_get(root, "snr_db"));
    assert_null(json_object_get(root, "rssi_dbfs")); /* calibrated: dBm instead */
    assert_true(json_real_value(json_object_get(root, "rssi_dbm")) == -61.0);
    assert_true(json_is_true(json_object_get(root, "recovered")));
    json_decref(root);
}

static void record_time_is_rfc_3339_in_utc(void **state)
{
    (void)state;
    static const struct {
        double epoch_s, t_s;
        const char *time;
    } cases[] = {
        {0.0, 0.0, "1970-01-01T00:00:00.000000Z"},
        {1e9, 0.25, "2001-09-09T01:46:40.250000Z"}, /* the well-known second 1000000000 */
        {951782399.5, 0.5, "2000-02-29T00:00:00.000000Z"},
        {1700000000.0, 0.000001, "2023-11-14T22:13:20.000001Z"},
        {1700000000.0, 0.9999997, "2023-11-14T22:13:21.000000Z"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct record record = {.type = RECORD_SLOT, .t_s = cases[k].t_s};
        struct record_context context = {.reader_name = "r", .epoch_s = cases[k].epoch_s};
        json_t *root = parsed(json_of(&record, &context));
        assert_string_equal(json_string_value(json_object_get(root, "time")), cases[k].time);
        json_decref(root);
    }
    struct record record = {.type = RECORD_SLOT, .t_s = 2.0};
    struct record_context context = {.reader_name = "r", .epoch_s = 1e9};
    static const char head[] = "{\"v\":1,\"type\":\"slot\",\"reader\":\"r\",\"t\":2.0,\"time\":\"";
    assert_memory_equal(json_of(&record, &context), head, strlen(head));
}

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

static void check_line(const struct record *record, const char *expected)
{
    char text[256];
    record_to_line(record, &undated, text, sizeof text);
    assert_string_equal(text, expected);
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

static void record_read_tells_each_channel(void **state)
{
    (void)state;
    static struct reply_result result;
    struct epc_reply reply = {.epc = {0x30}, .n_epc_bits = 96, .pc = 0x3000};
    struct stats_tags *tags = NULL;
    struct record record = {.type = RECORD_READ};
    result.gain = result.channel_gain[0] = 0.1F * I;
    result.channel_gain[1] = -0.01F;
    assert_int_equal(stats_tags_new(16, &tags), ST_OK);
    record_read_fill(&record.read, &result, &reply, tags);
    record.read.n_channels = 2;
    const char *text = json_of(&record, &undated);
    const char *channels = strstr(text, ",\"channels\":");
    assert_non_null(channels); /* 20 log10 of 0.1 and 0.01; turned by 90 and 180 degrees */
    assert_string_equal(channels, ",\"channels\":[{\"rssi_dbfs\":-20.00,\"phase_deg\":90.0},"
                                  "{\"rssi_dbfs\":-40.00,\"phase_deg\":180.0}]}");
    struct record back;
    struct record_context context;
    assert_int_equal(record_from_json(text, strlen(text), &back, &context), ST_OK);
    assert_int_equal(back.read.n_channels, 2);
    assert_true(back.read.channel[1].rssi_dbfs == -40.0);
    record.read.n_channels = 1;
    assert_null(strstr(json_of(&record, &undated), "channels"));
    stats_tags_free(&tags);
}

static void record_round_tells_its_slots(void **state)
{
    (void)state;
    struct record record = {.type = RECORD_ROUND, .t_s = 3600.000000001};
    record.round = (struct record_round){.round = 3,
                                         .slots = 16,
                                         .empty = 5,
                                         .single = 7,
                                         .collision = 4,
                                         .q = 4,
                                         .duration_s = 0.0625,
                                         .tags_estimated = 16.56};
    assert_string_equal(json_of(&record, &undated),
                        "{\"v\":1,\"type\":\"round\",\"reader\":\"dock-1\",\"t\":3600.000000001,"
                        "\"round\":3,\"q\":4,\"slots\":16,\"empty\":5,\"single\":7,"
                        "\"collision\":4,\"duration_s\":0.0625,\"tags_estimated\":16.6}");
}

/* The bits are the Query of the CRC-5 vectors: DR 8, FM0, no pilot, Sel all, S0, A, Q 0. */
static void record_command_tells_bits_and_parameters(void **state)
{
    (void)state;
    static const char bits[] = "1000000000000000010000";
    struct record record = {.type = RECORD_COMMAND, .t_s = 0.001};
    record.command = (struct record_command){.command = {.id = COMMAND_QUERY},
                                             .decoded = true,
                                             .crc_right = true,
                                             .n_bits = strlen(bits),
                                             .tari_us = 25,
                                             .rtcal_us = 75,
                                             .trcal_us = 200};
    for (size_t k = 0; k < strlen(bits); k++) {
        record.command.bit[k] = bits[k] == '1';
    }
    assert_string_equal(json_of(&record, &undated),
                        "{\"v\":1,\"type\":\"command\",\"reader\":\"dock-1\",\"t\":0.001,"
                        "\"name\":\"Query\",\"bits\":\"1000000000000000010000\",\"n_bits\":22,"
                        "\"dr\":0,\"m\":0,\"trext\":0,\"sel\":0,\"session\":0,\"target\":0,"
                        "\"q\":0,\"crc_ok\":true,\"tari_us\":25.00,\"rtcal_us\":75.00,"
                        "\"trcal_us\":200.00}");
    record.command.command = (struct command){.id = COMMAND_ACK, .ack = {.rn = 0x0B1C}};
    json_t *root = parsed(json_of(&record, &undated));
    assert_string_equal(json_string_value(json_object_get(root, "rn16")), "0B1C");
    json_decref(root);
    record.command.command = (struct command){
        .id = COMMAND_SELECT,
        .select = {.mem_bank = 1, .pointer = 32, .n_mask_bits = 12, .mask = {0x30, 0x70}}};
    root = parsed(json_of(&record, &undated));
    assert_string_equal(json_string_value(json_object_get(root, "mask")), "3070");
    assert_int_equal(json_integer_value(json_object_get(root, "length")), 12);
    json_decref(root);
}

/* Long fields of a command off the air. */
static void record_command_tells_long_fields_and_handles(void **state)
{
    (void)state;
    struct record record = {.type = RECORD_COMMAND};
    record.command = (struct record_command){.decoded = true, .crc_right = true};
    struct command *command = &record.command.command;
    command->id = COMMAND_BLOCK_WRITE;
    command->block_write.mem_bank = BANK_USER;
    command->block_write.n_words = 255;
    memset(command->block_write.data, 0xC5, sizeof command->block_write.data);
    command->block_write.handle = 0x0B1C;
    json_t *root = parsed(json_of(&record, &undated));
    assert_int_equal(strlen(json_string_value(json_object_get(root, "data"))), 4 * 255);
    assert_string_equal(json_string_value(json_object_get(root, "handle")), "0B1C");
    json_decref(root);
    char line[256];
    assert_true(record_to_line(&record, &undated, line, sizeof line) > 0);
    assert_non_null(strstr(line, "BlockWrite mem_bank=3"));
}

static void record_access_tells_what_came_of_it(void **state)
{
    (void)state;
    struct record record = {.type = RECORD_ACCESS, .t_s = 0.25};
    record.access = (struct record_access){.epc = {0x30, 0x34},
                                           .n_epc_bits = 16,
                                           .op = "read user 0 1",
                                           .outcome = ACCESS_OK,
                                           .n_data_bits = 16,
                                           .data = {0xCA, 0xFE}};
    assert_string_equal(json_of(&record, &undated),
                        "{\"v\":1,\"type\":\"access\",\"reader\":\"dock-1\",\"t\":0.25,"
                        "\"epc\":\"3034\",\"op\":\"read user 0 1\",\"ok\":true,"
                        "\"outcome\":\"ok\",\"data\":\"CAFE\",\"error\":\"\"}");
    char line[256];
    assert_true(record_to_line(&record, &undated, line, sizeof line) > 0);
    assert_string_equal(line,
                        "    0.2500 3034                      read user 0 1            ok     "
                        "  CAFE");
    record.access = (struct record_access){.op = "kill",
                                           .outcome = ACCESS_UNKNOWN,
                                           .error = "nobody knows",
                                           .chip = "Impinj Monza R6",
                                           .uri = "urn:epc:stid:x001.x160.x0"};
    json_t *root = parsed(json_of(&record, &undated));
    assert_false(json_is_true(json_object_get(root, "ok")));
    assert_string_equal(json_string_value(json_object_get(root, "outcome")), "unknown");
    assert_string_equal(json_string_value(json_object_get(root, "data")), "");
    assert_string_equal(json_string_value(json_object_get(root, "chip")), "Impinj Monza R6");
    assert_string_equal(json_string_value(json_object_get(root, "uri")),
                        "urn:epc:stid:x001.x160.x0");
    json_decref(root);
    assert_true(record_to_line(&record, &undated, line, sizeof line) > 0);
    assert_non_null(strstr(line, "nobody knows"));
}

static void record_watch_tells_who_is_missed_and_back(void **state)
{
    (void)state;
    struct record record = {.type = RECORD_WATCH, .t_s = 2.5};
    record.watch = (struct record_watch){.epc = "30*", .absent_s = 2.5, .seen_s = NAN};
    assert_string_equal(json_of(&record, &undated),
                        "{\"v\":1,\"type\":\"watch\",\"reader\":\"dock-1\",\"t\":2.5,"
                        "\"epc\":\"30*\",\"present\":false,\"absent_s\":2.500000,"
                        "\"seen_t\":null}");
    char line[256];
    assert_true(record_to_line(&record, &undated, line, sizeof line) > 0);
    assert_non_null(strstr(line, "30*"));
    assert_non_null(strstr(line, "is missed, never seen so far"));
    record.watch.seen_s = 1.0;
    record.watch.absent_s = 1.5;
    record.watch.is_present = true;
    char text[RECORD_JSON_MAX];
    snprintf(text, sizeof text, "%s", json_of(&record, &undated));
    assert_true(record_to_line(&record, &undated, line, sizeof line) > 0);
    assert_non_null(strstr(line, "is back, not seen for 1.500 s"));
    struct record back;
    struct record_context context;
    assert_int_equal(record_from_json(text, strlen(text), &back, &context), ST_OK);
    assert_int_equal(back.type, RECORD_WATCH);
    assert_string_equal(back.watch.epc, "30*");
    assert_true(back.watch.is_present);
    assert_true(back.watch.absent_s == 1.5);
    assert_true(back.watch.seen_s == 1.0);
}

static void record_command_unknown_has_bits_only(void **state)
{
    (void)state;
    struct record record = {.type = RECORD_COMMAND};
    record.command = (struct record_command){.n_bits = 4000}; /* longer than what is kept */
    json_t *root = parsed(json_of(&record, &undated));
    assert_string_equal(json_string_value(json_object_get(root, "name")), "unknown");
    assert_int_equal(strlen(json_string_value(json_object_get(root, "bits"))), 320);
    assert_int_equal(json_integer_value(json_object_get(root, "n_bits")), 4000);
    assert_true(json_is_false(json_object_get(root, "crc_ok")));
    json_decref(root);
}

static struct record status_example(void)
{
    struct record record = {.type = RECORD_STATUS, .t_s = 1.0};
    record.status = (struct record_status){
        .reads = 148,
        .unique = 100,
        .overflows = 1,
        .underflows = 2,
        .late = 3,
        .reads_per_s = 148.0,
        .leak_dbfs = -20.1,
        .residual_dbfs = -60,
        .noise_dbfs = NAN,
        .read_latency_p50_ms = 5.6,
        .read_latency_p99_ms = 5.7,
        .slots = {10, 148, 30, 2, 1},
        .causes = {[REPLY_CAUSE_CARRIER] = 5, [REPLY_CAUSE_CUT] = 1},
        .clipped = 2,
        .rounds = 12,
        .duration_s = 1.25,
        .turnaround_p50_us = 60.04,
        .turnaround_p99_us = NAN,
        .turnaround_max_us = 90,
        .dropped_events = 4,
        .cpu_ratio = 0.25,
    };
    return record;
}

static void record_status_nests_latency_and_host(void **state)
{
    (void)state;
    struct record record = status_example();
    const char *const figures =
        "\"reads\":148,\"unique\":100,\"reads_per_s\":148.00,\"overflows\":1,\"underflows\":2,"
        "\"late\":3,\"leak_dbfs\":-20.10,\"residual_dbfs\":-60.00,\"noise_dbfs\":null,"
        "\"slots\":{\"empty\":10,\"single\":148,\"collision\":30,\"rn16_only\":2,"
        "\"crc_error\":1},\"causes\":{\"carrier\":5,\"cut\":1},\"clipped\":2,\"rounds\":12,\"read_"
        "latency_ms\":{\"p50\":5.600,\"p99\":5.700}";
    const char *const host = "\"host\":{\"turnaround_us\":{\"p50\":60.0,\"p99\":null,\"max\":90.0},"
                             "\"dropped_events\":4,\"cpu\":0.250}}";
    char expected[RECORD_JSON_MAX];
    snprintf(expected, sizeof expected,
             "{\"v\":1,\"type\":\"status\",\"reader\":\"dock-1\",\"t\":1.0,%s,%s", figures, host);
    assert_string_equal(json_of(&record, &undated), expected);
    record.type = RECORD_SUMMARY;
    snprintf(expected, sizeof expected,
             "{\"v\":1,\"type\":\"summary\",\"reader\":\"dock-1\",\"t\":1.0,%s,"
             "\"duration_s\":1.25,%s",
             figures, host);
    assert_string_equal(json_of(&record, &undated), expected);
    json_decref(parsed(expected));
}

static void record_numbers_are_never_nan_nor_minus_zero(void **state)
{
    (void)state;
    struct record record = status_example();
    record.status.leak_dbfs = -INFINITY;
    record.status.residual_dbfs = -0.0001;
    record.status.reads_per_s = 1e300;
    json_t *root = parsed(json_of(&record, &undated));
    assert_true(json_is_null(json_object_get(root, "leak_dbfs")));
    assert_true(json_is_null(json_object_get(root, "reads_per_s")));
    json_decref(root);
    assert_null(strstr(json_of(&record, &undated), "-0.00"));
    record = read_example();
    record.read.phase_deg = 359.96; /* below 360 after rounding, too */
    assert_non_null(strstr(json_of(&record, &undated), "\"phase_deg\":0.0,"));
}

static void record_text_is_escaped(void **state)
{
    (void)state;
    struct record record = {.type = RECORD_ROUND};
    struct record_context context = {.epoch_s = NAN};
    strcpy(context.reader_name, "a\"b\\c\n\x01\xC3\xA9\xFF\xE2\x82");
    const char *text = json_of(&record, &context);
    assert_non_null(strstr(text, "\"a\\\"b\\\\c\\u000a\\u0001\xC3\xA9\\ufffd\\ufffd\\ufffd\""));
    json_decref(parsed(text));
    memset(context.reader_name, 1, 63); /* the longest text, every byte escaped */
    context.reader_name[63] = '\0';
    record.type = RECORD_COMMAND;
    record.command = (struct record_command){
        .command = {.id = COMMAND_SELECT, .select = {.n_mask_bits = 255, .pointer = UINT32_MAX}},
        .decoded = true,
        .n_bits = 9999,
        .tari_us = 1e6,
        .rtcal_us = 1e6,
        .trcal_us = 1e6};
    json_decref(parsed(json_of(&record, &context)));
    record = read_example();
    record.read.n_epc_bits = 496;
    memset(record.read.antenna, '"', 15);
    json_decref(parsed(json_of(&record, &context)));
}

static void record_decimals_do_not_follow_the_locale(void **state)
{
    (void)state;
    char text[32];
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        setlocale(LC_ALL, names[k]); /* those not installed leave what was */
    }
    json_text_decimal(-1234.5678, 2, text);
    assert_string_equal(text, "-1234.57");
    setlocale(LC_ALL, "C");
    json_text_decimal(0.05, 1, text);
    assert_string_equal(text, "0.1");
    json_text_decimal(-0.4, 0, text);
    assert_string_equal(text, "0");
    json_text_decimal(8e9, 9, text);
    assert_string_equal(text, "8000000000.000000000");
}

static void record_line_stays_in_its_columns(void **state)
{
    (void)state;
    char text[256];
    struct record record = read_example();
    size_t n = record_to_line(&record, &undated, text, sizeof text);
    assert_int_equal(n, strlen(text));
    assert_string_equal(text,
                        "    0.1000 3074257BF7194E4000001A85    -40.66  dBFS    21.5      12.3"
                        "    39.91        7.3     12");
    assert_int_equal(strlen(text), strlen(record_line_header()));
    assert_int_equal(record_to_line(&record, &undated, text, 20), 19); /* cut, not overrun */
    assert_int_equal(strlen(text), 19);
    record.type = RECORD_SLOT;
    assert_int_equal(record_to_line(&record, &undated, text, sizeof text), 0);
}

/* --------------------------------------------------------------------- and back (watch) */

static enum status back(const char *text, struct record *record)
{
    struct record_context context;
    return record_from_json(text, strlen(text), record, &context);
}

static void record_parse_gives_the_record_back(void **state)
{
    (void)state;
    struct record record;
    struct record_context context;
    const struct record originals[] = {read_example(), status_example()};
    for (size_t k = 0; k < 2; k++) {
        char text[RECORD_JSON_MAX];
        strcpy(text, json_of(&originals[k], &undated));
        assert_int_equal(record_from_json(text, strlen(text), &record, &context), ST_OK);
        assert_string_equal(context.reader_name, "dock-1");
        if (k == 1) {
            record.status.duration_s = 0.0; /* is in summaries only */
        }
        assert_string_equal(json_of(&record, &context), text);
    }
    assert_true(record.status.slots[SLOT_SINGLE] == 148);
    assert_int_equal(back("{\"v\":1,\"type\":\"slot\",\"reader\":\"x\",\"t\":2,"
                          "\"outcome\":\"crc_error\",\"round\":1,\"slot\":2,\"q\":3,"
                          "\"rn16\":\"00fF\",\"new\":[1]}",
                          &record),
                     ST_OK);
    assert_int_equal(record.slot.outcome, SLOT_CRC_ERROR);
    assert_int_equal(record.slot.rn16, 0xFF);
}

/* Who gave proof and who did not, as JSON, as a line, and back again. */
static void record_auth_is_told_and_comes_back(void **state)
{
    (void)state;
    struct record record = read_example(), read;
    assert_null(strstr(json_of(&record, &undated), "authenticated"));
    record.read.is_keyed = true;
    record.read.authenticated_s = NAN;
    const char *text = json_of(&record, &undated);
    assert_non_null(strstr(text, "\"authenticated\":false"));
    assert_null(strstr(text, "authenticated_s"));
    record.read.is_authenticated = true;
    record.read.authenticated_s = 0.25;
    text = json_of(&record, &undated);
    assert_non_null(strstr(text, ",\"authenticated\":true,\"authenticated_s\":0.250000"));
    assert_int_equal(back(text, &read), ST_OK);
    assert_true(read.read.is_keyed);
    assert_true(read.read.is_authenticated);
    assert_true(read.read.authenticated_s == 0.25);

    struct record failed = {.type = RECORD_AUTH, .t_s = 1.5};
    failed.auth = (struct record_auth){.report = {.has_epc = true,
                                                  .n_epc_bits = 16,
                                                  .epc = {0x30, 0x34},
                                                  .n_tags = 1,
                                                  .n = {0, 2, 1},
                                                  .last = AUTH_REPLAYED},
                                       .first_s = 0.5,
                                       .last_s = 1.25};
    text = json_of(&failed, &undated);
    static const char expected[] =
        "\"epc\":\"3034\",\"tags\":1,\"reason\":\"replay\",\"reason_text\":\"replayed "
        "answer\",\"reasons\":{\"wrong_key\":2,\"replay\":1},\"failures\":3,\"first_t\":0.5,"
        "\"last_t\":1.25}";
    assert_non_null(strstr(text, expected));
    struct record again;
    assert_int_equal(back(text, &again), ST_OK);
    assert_non_null(strstr(json_of(&again, &undated), expected));
    check_line(&failed, "    1.5000 3034                     authentication failed: wrong key, 2 "
                        "times; replayed answer, 1 time");
    failed.auth.report.has_epc = false;
    failed.auth.report.n_tags = 7;
    assert_null(strstr(json_of(&failed, &undated), "\"epc\""));
    check_line(&failed, "    1.5000 7 further tags, authentication failed: wrong key, 2 times; "
                        "replayed answer, 1 time");

    struct record status = status_example();
    assert_null(strstr(json_of(&status, &undated), "auth_"));
    status.status.has_auth = true;
    status.status.auth[AUTH_AUTHENTIC] = 5;
    status.status.auth[AUTH_SILENT] = 2;
    text = json_of(&status, &undated);
    static const char totals[] = "\"auth_ok\":5,\"auth_reasons\":{\"silent\":2},\"auth_failed\":2,";
    assert_non_null(strstr(text, totals));
    assert_int_equal(back(text, &again), ST_OK);
    assert_non_null(strstr(json_of(&again, &undated), totals));
}

static void record_parse_refuses_what_is_malformed(void **state)
{
    (void)state;
    struct record record;
    static const char *const malformed[] = {
        "",
        "[]",
        "{",
        "null",
        "{\"v\":\"1\"}",
        "{\"v\":1}",
        "{\"v\":1,\"type\":7,\"t\":0}",
        "{\"v\":1,\"type\":\"round\"}",
        "{\"v\":1,\"type\":\"round\",\"t\":\"0\"}",
        "{\"v\":1,\"type\":\"read\",\"t\":0}",
        "{\"v\":1,\"type\":\"read\",\"t\":0,\"epc\":\"30x\"}",
        "{\"v\":1,\"type\":\"read\",\"t\":0,\"epc\":\"30\",\"rn16\":\"123\"}",
        "{\"v\":1,\"type\":\"read\",\"t\":0,\"epc\":\"30\",\"count\":-1}",
        "{\"v\":1,\"type\":\"read\",\"t\":0,\"epc\":\"30\",\"count\":1e300}",
        "{\"v\":1,\"type\":\"read\",\"t\":0,\"epc\":\"30\",\"round\":4294967296}",
        "{\"v\":1,\"type\":\"slot\",\"t\":0,\"outcome\":\"lost\"}",
        "{\"v\":1,\"type\":\"status\",\"t\":0,\"slots\":[]}",
        "{\"v\":1,\"type\":\"status\",\"t\":0,\"host\":{\"turnaround_us\":3}}",
    };
    for (size_t k = 0; k < sizeof malformed / sizeof *malformed; k++) {
        if (back(malformed[k], &record) != ST_FORMAT) {
            fail_msg("accepted: %s", malformed[k]);
        }
    }
    assert_int_equal(back("{\"v\":2,\"type\":\"read\"}", &record), ST_UNSUPPORTED);
    assert_int_equal(back("{\"v\":1,\"type\":\"access\",\"t\":1}", &record), ST_NOT_FOUND);
}

static void record_parse_keeps_escape_sequences_from_the_terminal(void **state)
{
    (void)state;
    struct record record;
    assert_int_equal(back("{\"v\":1,\"type\":\"read\",\"t\":0,\"epc\":\"30\","
                          "\"antenna\":\"\\u001b[2J\\u00e9\"}",
                          &record),
                     ST_OK);
    assert_string_equal(record.read.antenna, "?[2J??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_read_is_written_as_the_contract_says),
        cmocka_unit_test(record_read_leaves_out_what_is_not_known),
        cmocka_unit_test(record_time_is_rfc_3339_in_utc),
        cmocka_unit_test(record_slot_names_its_outcome),
        cmocka_unit_test(record_slot_tells_all_of_each_reply),
        cmocka_unit_test(record_slot_line_says_why),
        cmocka_unit_test(record_slot_keeps_the_rn16_and_the_last_epc),
        cmocka_unit_test(record_advice_is_given_once),
        cmocka_unit_test(record_read_tells_each_channel),
        cmocka_unit_test(record_round_tells_its_slots),
        cmocka_unit_test(record_command_tells_bits_and_parameters),
        cmocka_unit_test(record_command_tells_long_fields_and_handles),
        cmocka_unit_test(record_access_tells_what_came_of_it),
        cmocka_unit_test(record_watch_tells_who_is_missed_and_back),
        cmocka_unit_test(record_command_unknown_has_bits_only),
        cmocka_unit_test(record_status_nests_latency_and_host),
        cmocka_unit_test(record_numbers_are_never_nan_nor_minus_zero),
        cmocka_unit_test(record_text_is_escaped),
        cmocka_unit_test(record_decimals_do_not_follow_the_locale),
        cmocka_unit_test(record_line_stays_in_its_columns),
        cmocka_unit_test(record_parse_gives_the_record_back),
        cmocka_unit_test(record_auth_is_told_and_comes_back),
        cmocka_unit_test(record_parse_refuses_what_is_malformed),
        cmocka_unit_test(record_parse_keeps_escape_sequences_from_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
