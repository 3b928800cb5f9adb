/* test_record_parse.c - events read back into records: the same, refused, or kept from the terminal. */
#include "reader/record_parse.h"
#include "tests/record_rig.h"

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
        cmocka_unit_test(record_parse_gives_the_record_back),
        cmocka_unit_test(record_auth_is_told_and_comes_back),
        cmocka_unit_test(record_parse_refuses_what_is_malformed),
        cmocka_unit_test(record_parse_keeps_escape_sequences_from_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
