/* test_linecode.c - line codes against the vectors of the fact sheet and its state tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/linecode.h"
#include "tests/ref_reply.h"

static const unsigned cycles[4] = {1, 2, 4, 8};

static enum link_m m_of_cycles(unsigned m)
{
    for (unsigned k = 0; k < 4; k++) {
        if (cycles[k] == m) {
            return (enum link_m)k;
        }
    }
    fail_msg("no code with %u cycles", m);
    return LINK_FM0;
}

static size_t level_text(const uint8_t *level, size_t n, char *text)
{
    for (size_t k = 0; k < n; k++) {
        text[k] = level[k] ? '1' : '0';
    }
    text[n] = 0;
    return n;
}

/* One line of the golden file through both encoders. */
static void check_vector(unsigned m, unsigned trext, const char *data, const char *levels)
{
    uint8_t bit[64], level[REF_LEVELS_MAX];
    char text[REF_LEVELS_MAX + 1];
    size_t n_bits = strcmp(data, "-") == 0 ? 0 : strlen(data);
    for (size_t k = 0; k < n_bits; k++) {
        bit[k] = data[k] == '1';
    }
    size_t n = linecode_encode(linecode_of(m_of_cycles(m)), trext, bit, n_bits, level);
    level_text(level, n, text);
    assert_string_equal(text, levels);
    level_text(level, ref_encode(m, trext, bit, n_bits, level), text);
    assert_string_equal(text, levels); /* the tests' own encoder is right too */
}

static void linecode_encodes_vectors(void **unused)
{
    (void)unused;
    FILE *file = fopen(ZP_GOLDEN_DIR "/gen2_linecode/levels.txt", "r");
    assert_non_null(file);
    char line[4096], data[64], levels[2048];
    unsigned m, trext, n_vectors = 0;
    while (fgets(line, sizeof line, file)) {
        if (line[0] != '#' && sscanf(line, "%u %u %63s %2047s", &m, &trext, data, levels) == 4) {
            check_vector(m, trext, data, levels);
            n_vectors++;
        }
    }
    fclose(file);
    assert_int_equal(n_vectors, 32);
}

static void linecode_agrees_with_reference(void **unused)
{
    (void)unused;
    struct ref_random random = {1};
    static uint8_t bit[REF_BITS_MAX], want[REF_LEVELS_MAX], have[REF_LEVELS_MAX];
    for (unsigned turn = 0; turn < 400; turn++) {
        size_t n_bits = (size_t)ref_between(&random, 0, 529);
        unsigned m = cycles[turn % 4];
        bool trext = turn % 8 >= 4;
        ref_bits(&random, bit, n_bits);
        size_t n = ref_encode(m, trext, bit, n_bits, want);
        assert_int_equal(linecode_encode(linecode_of(m_of_cycles(m)), trext, bit, n_bits, have), n);
        assert_memory_equal(have, want, n);
    }
}

/* FM0: the level turns at every boundary, a 0 turns in mid-symbol too (gen2.md 2.3). */
static void linecode_fm0_trellis(void **unused)
{
    (void)unused;
    const struct linecode *code = linecode_of(LINK_FM0);
    assert_int_equal(code->m, 1);
    assert_int_equal(code->n_states, 2);
    for (unsigned last = 0; last < 2; last++) {
        for (unsigned bit = 0; bit < 2; bit++) {
            const struct linecode_branch *branch = &code->branch[last][bit];
            int first = last ? -1 : 1;
            int second = bit ? first : -first;
            assert_int_equal(branch->chip[0], first);
            assert_int_equal(branch->chip[1], second);
            assert_int_equal(branch->next, second > 0);
        }
    }
    assert_int_equal(code->start_state, 1); /* preamble ends high */
}

/* The rows S1..S4 of gen2.md 2.4. */
static void linecode_miller_trellis(void **unused)
{
    (void)unused;
    static const int8_t half[4][2] = {{1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    static const uint8_t next[4][2] = {{4, 2}, {4, 3}, {1, 2}, {1, 3}};
    for (unsigned k = 1; k < 4; k++) {
        const struct linecode *code = linecode_of((enum link_m)k);
        assert_int_equal(code->m, cycles[k]);
        assert_int_equal(code->n_states, 4);
        for (unsigned s = 0; s < 4; s++) {
            for (unsigned bit = 0; bit < 2; bit++) {
                const struct linecode_branch *branch = &code->branch[s][bit];
                assert_int_equal(branch->next, next[s][bit] - 1);
                assert_int_equal(branch->chip[0], half[branch->next][0]);
                assert_int_equal(branch->chip[1], half[branch->next][1]);
            }
        }
        assert_int_equal(code->start_state, 2); /* 0 1 0 1 1 1 ends in S3 */
    }
}

static void linecode_preamble_is_balanced(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 4; k++) {
        const struct linecode *code = linecode_of((enum link_m)k);
        for (unsigned trext = 0; trext < 2; trext++) {
            const int8_t *chip = linecode_preamble(code, trext);
            int sum = 0;
            for (unsigned c = 0; c < code->n_preamble_chips[trext]; c++) {
                sum += chip[c];
            }
            if (code->m == 1) {
                assert_int_equal(sum, 0); /* what sync's offset estimate rests on */
            }
            assert_int_equal(code->n_preamble_chips[trext],
                             k == 0 ? (trext ? 36 : 12) : (trext ? 44 : 20));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linecode_encodes_vectors),
        cmocka_unit_test(linecode_agrees_with_reference),
        cmocka_unit_test(linecode_fm0_trellis),
        cmocka_unit_test(linecode_miller_trellis),
        cmocka_unit_test(linecode_preamble_is_balanced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
