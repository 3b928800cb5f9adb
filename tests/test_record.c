/* test_record.c - every event of the contract, against lines written by hand. */
#include <locale.h>

#include "reader/json_text.h"
#include "reader/record_parse.h"
#include "reader/record_reply.h"
#include "tests/record_rig.h"

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

static void record_tdma_tells_how_periods_were_kept(void **state)
{
    (void)state;
    static const char json[] =
        "{\"v\":1,\"type\":\"tdma\",\"reader\":\"dock-1\",\"t\":2.5,\"nominal_s\":0.5,"
        "\"known\":12,\"unplaced\":1,\"polled\":22,\"kept\":21,\"missed\":1,\"polls\":25,"
        "\"newcomers\":2,\"forgotten\":3,"
        "\"jitter_us\":{\"p50\":0.0,\"p99\":812.5,\"max\":2000.0},"
        "\"period_s\":{\"min\":0.499000,\"mean\":0.500000,\"max\":1.001000}}";
    struct record record = {.type = RECORD_TDMA, .t_s = 2.5}, back;
    record.tdma =
        (struct record_tdma){0.5, 12, 1, 21, 1, 25, 2, 3, 0.0, 812.5, 2000.0, 0.499, 0.5, 1.001};
    assert_string_equal(json_of(&record, &undated), json);
    char line[256];
    assert_true(record_to_line(&record, &undated, line, sizeof line) > 0);
    assert_non_null(strstr(line, "21 of 22 periods kept"));
    struct record_context context;
    assert_int_equal(record_from_json(json, strlen(json), &back, &context), ST_OK);
    assert_int_equal(back.type, RECORD_TDMA);
    assert_string_equal(json_of(&back, &undated), json);
    record.tdma.jitter_p50_us = record.tdma.jitter_p99_us = record.tdma.jitter_max_us = NAN;
    record.tdma.period_min_s = record.tdma.period_mean_s = record.tdma.period_max_s = NAN;
    assert_non_null(strstr(json_of(&record, &undated),
                           "\"period_s\":{\"min\":null,\"mean\":null,\"max\":null}"));
    assert_true(record_to_line(&record, &undated, line, sizeof line) > 0);
    assert_null(strstr(line, "nan"));
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
                             "\"silence_us\":{\"p50\":22.0,\"p99\":38.0,\"max\":null},"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_tdma_tells_how_periods_were_kept),
        cmocka_unit_test(record_read_is_written_as_the_contract_says),
        cmocka_unit_test(record_read_leaves_out_what_is_not_known),
        cmocka_unit_test(record_time_is_rfc_3339_in_utc),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
