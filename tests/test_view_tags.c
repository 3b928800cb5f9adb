/* test_view_tags.c - rows of the live view: counting, rates, sorting, and lines that fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reader/view_state.h"

static struct record_read read_of(uint8_t last_byte, double rssi_dbfs, uint64_t count)
{
    struct record_read read = {.n_epc_bits = 96,
                               .epc = {0x30},
                               .rssi_dbfs = rssi_dbfs,
                               .rssi_dbm = NAN,
                               .snr_db = 20.0,
                               .phase_deg = 359.9,
                               .blf_hz = 40e3,
                               .freq_hz = 915e6,
                               .count = count};
    read.epc[11] = last_byte;
    return read;
}

static uint8_t sorted_byte(const struct view_tags *tags, size_t index)
{
    return view_tags_row(tags, index)->read.epc[11];
}

static void view_tags_keep_one_row_for_each_epc(void **state)
{
    (void)state;
    struct view_tags *tags = NULL;
    assert_int_equal(view_tags_new(3, &tags), ST_OK);
    for (int k = 0; k < 30; k++) {
        struct record_read read = read_of((uint8_t)(k % 3), -10.0 * (k % 3), (uint64_t)k);
        read.epc[20] = (uint8_t)k; /* behind the 96 bits: not part of the EPC */
        assert_true(view_tags_note(tags, &read, 0.1 * k));
    }
    assert_int_equal(view_tags_count(tags), 3);
    assert_int_equal(view_tags_hex_digits(tags), 24);
    struct record_read fourth = read_of(9, 0, 1);
    assert_false(view_tags_note(tags, &fourth, 4.0)); /* full: told, not lost in silence */
    struct record_read shorter = read_of(0, 0, 1);
    shorter.n_epc_bits = 80; /* another EPC, though its bytes begin alike */
    assert_false(view_tags_note(tags, &shorter, 4.0));
    view_tags_free(&tags);
    assert_null(tags);
}

static void view_tags_sort_by_each_column(void **state)
{
    (void)state;
    struct view_tags *tags = NULL;
    assert_int_equal(view_tags_new(100, &tags), ST_OK);
    static const struct {
        uint8_t byte;
        double rssi_dbfs;
        uint64_t count;
        double t_s;
    } rows[] = {{5, -50, 2, 3.0}, {1, -40, 2, 1.0}, {3, NAN, 9, 2.0}, {4, -45, 1, 5.0}};
    for (size_t k = 0; k < 4; k++) {
        struct record_read read = read_of(rows[k].byte, rows[k].rssi_dbfs, rows[k].count);
        assert_true(view_tags_note(tags, &read, rows[k].t_s));
    }
    static const struct {
        enum view_sort by;
        bool reversed;
        uint8_t order[4];
    } cases[] = {
        {VIEW_SORT_EPC, false, {1, 3, 4, 5}},   {VIEW_SORT_EPC, true, {5, 4, 3, 1}},
        {VIEW_SORT_COUNT, false, {3, 1, 5, 4}}, {VIEW_SORT_RSSI, false, {1, 4, 5, 3}},
        {VIEW_SORT_SEEN, false, {4, 5, 3, 1}},  {VIEW_SORT_SNR, false, {1, 3, 4, 5}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        view_tags_sort(tags, cases[c].by, cases[c].reversed);
        for (size_t k = 0; k < 4; k++) {
            assert_int_equal(sorted_byte(tags, k), cases[c].order[k]);
        }
    }
    view_tags_free(&tags);
}

/* Ten reads a second, smoothed with weight 0.3: 10 (1 - 0.7^n) after n seconds. */
static void view_tags_rate_follows_the_reads(void **state)
{
    (void)state;
    struct view_tags *tags = NULL;
    assert_int_equal(view_tags_new(10, &tags), ST_OK);
    struct record_read read = read_of(1, -40, 1);
    for (int second = 0; second < 5; second++) {
        for (int k = 0; k < 20; k++) {
            assert_true(view_tags_note(tags, &read, 2.0 * second + 0.1 * k));
        }
        view_tags_second(tags, 2.0);
    }
    view_tags_sort(tags, VIEW_SORT_RATE, false);
    assert_true(fabs(view_tags_row(tags, 0)->rate_per_s - 10.0 * (1.0 - pow(0.7, 5))) < 1e-9);
    view_tags_free(&tags);
}

static void view_rows_stand_under_their_heads(void **state)
{
    (void)state;
    struct view_state view;
    char head[VIEW_TEXT_MAX], row[VIEW_TEXT_MAX];
    assert_int_equal(view_state_init(&view), ST_OK);
    struct record record = {.type = RECORD_READ, .t_s = 1.0, .read = read_of(7, -40.66, 12)};
    view_state_note(&view, &record);
    record = (struct record){.type = RECORD_SLOT, .t_s = 3.5, .slot = {.outcome = SLOT_EMPTY}};
    view_state_note(&view, &record);
    view_tags_sort(view.tags, VIEW_SORT_EPC, false);
    view_columns_text(&view, 24, 80, head);
    view_row_text(&view, view_tags_row(view.tags, 0), 24, 80, row);
    assert_int_equal(strlen(head), strlen(row));
    assert_true(strlen(row) <= 80);
    assert_string_equal(row, "300000000000000000000007     12    0.0   -40.7   20.0  359.9   40.00"
                             "    2.5");
    view_row_text(&view, view_tags_row(view.tags, 0), 10, 80, row); /* a narrow terminal */
    assert_memory_equal(row, "300000000~ ", 11);
    for (unsigned line = 0; line < 3; line++) {
        view_head_text(&view, line, 80, row);
        assert_true(strlen(row) <= 80);
    }
    assert_null(strstr(row, "trouble"));
    record = (struct record){.type = RECORD_SLOT,
                             .slot = {.outcome = SLOT_EMPTY, .cause = REPLY_CAUSE_CARRIER}};
    view_state_note(&view, &record);
    record.slot.cause = REPLY_CAUSE_BURST;
    view_state_note(&view, &record);
    view_state_note(&view, &record);
    view_head_text(&view, 1, 120, row); /* the most frequent one, where there is room */
    assert_non_null(strstr(row, "trouble: burst of noise (2)"));
    view_head_text(&view, 1, 80, row);
    assert_null(strstr(row, "trouble"));
    view_state_fini(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(view_tags_keep_one_row_for_each_epc),
        cmocka_unit_test(view_tags_sort_by_each_column),
        cmocka_unit_test(view_tags_rate_follows_the_reads),
        cmocka_unit_test(view_rows_stand_under_their_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
