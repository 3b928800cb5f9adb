/* linecode.c - FM0 and Miller 2/4/8. */
#include "dsp/linecode.h"

#include "config/require.h"

/* 12 leading zeros (pilot "10"), then 1 0 1 0 V 1 = 11 01 00 10 00 11 (6.3.1.3.2.2) */
static const int8_t fm0_preamble[] = {
    1, -1, 1, -1, 1, -1, 1, -1, 1,  -1, 1,  -1, 1, -1, 1,  -1, 1, -1,
    1, -1, 1, -1, 1, -1, 1, 1,  -1, 1,  -1, -1, 1, -1, -1, -1, 1, 1,
};
/* 16 symbols of unmodulated subcarrier, then 0 1 0 1 1 1 = S1 S2 S4 S3 S2 S3 (6.3.1.3.2.4) */
static const int8_t miller_preamble[] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1, 1, 1,  1,  1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, 1, 1, -1, -1, 1,
};
_Static_assert(sizeof fm0_preamble == 36, "12 + 6 symbols");
_Static_assert(sizeof miller_preamble == 44, "16 + 6 symbols");

/* Miller states: S1 ++ (0), S2 +- (1), S3 -+ (1), S4 -- (0) */
#define MILLER_BRANCHES                                                                            \
    {                                                                                              \
        {{3, {-1, -1}}, {1, {1, -1}}}, {{3, {-1, -1}}, {2, {-1, 1}}}, {{0, {1, 1}}, {1, {1, -1}}}, \
            {{0, {1, 1}}, {2, {-1, 1}}},                                                           \
    }
#define MILLER_ROW(cycles)                                                                         \
    {                                                                                              \
        .name = "miller" #cycles, .m = cycles, .n_states = 4, .branch = MILLER_BRANCHES,           \
        .start_state = 2, .preamble = miller_preamble, .n_preamble_chips = {20, 44},               \
        .clause = "6.3.1.3.2.3-4",                                                                 \
    }

static const struct linecode linecode_table[] = {
    [LINK_FM0] =
        {
            .name = "fm0",
            .m = 1,
            .n_states = 2, /* last level: 0 low, 1 high */
            .branch =
                {
                    {{0, {1, -1}}, {1, {1, 1}}},
                    {{1, {-1, 1}}, {0, {-1, -1}}},
                },
            .start_state = 1,
            .preamble = fm0_preamble,
            .n_preamble_chips = {12, 36},
            .clause = "6.3.1.3.2.1-2",
        },
    [LINK_M2] = MILLER_ROW(2),
    [LINK_M4] = MILLER_ROW(4),
    [LINK_M8] = MILLER_ROW(8),
};

const struct linecode *linecode_of(enum link_m m)
{
    require((unsigned)m < sizeof linecode_table / sizeof *linecode_table);
    return &linecode_table[m];
}

static size_t linecode_put_chip(unsigned m, int sign, uint8_t *level)
{
    for (unsigned j = 0; j < m; j++) {
        level[j] = (uint8_t)((sign > 0) == (j % 2 == 0));
    }
    return m;
}

size_t linecode_encode(const struct linecode *code, bool trext, const uint8_t *bit, size_t n_bits,
                       uint8_t *level)
{
    const int8_t *preamble = linecode_preamble(code, trext);
    size_t n = 0;
    for (unsigned k = 0; k < code->n_preamble_chips[trext ? 1 : 0]; k++) {
        n += linecode_put_chip(code->m, preamble[k], level + n);
    }
    unsigned state = code->start_state;
    for (size_t k = 0; k <= n_bits; k++) {
        const struct linecode_branch *branch = &code->branch[state][k < n_bits ? bit[k] & 1 : 1];
        n += linecode_put_chip(code->m, branch->chip[0], level + n);
        n += linecode_put_chip(code->m, branch->chip[1], level + n);
        state = branch->next;
    }
    return n;
}
