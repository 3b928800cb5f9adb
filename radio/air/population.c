/* population.c - EPCs and places of the simulated tags. */
#include "radio/air/population.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "radio/air/noise.h"
#include "radio/air/tag_code.h"

#define SGTIN_HEADER 0x30u
#define SGTIN_ITEMS_PER_PREFIX 8u  /* a shop's tags share a few products */
#define SERIAL_STEP 0x1F35B7A2Dull /* odd: index * step runs through all 38-bit serials once */
#define HALF_SWING_DB (-6.0205999132796239) /* of a carrier that is keyed on and off */
#define SERIAL_MASK ((1ull << 38) - 1)

/* Partition 0..6: bits and decimal limit of company prefix and item reference (TDS table). */
struct partition_row {
    unsigned n_prefix_bits, n_item_bits;
    uint64_t prefix_end, item_end;
};
static const struct partition_row partition_rows[] = {
    {40, 4, 1000000000000u, 10},  {37, 7, 100000000000u, 100},  {34, 10, 10000000000u, 1000},
    {30, 14, 1000000000u, 10000}, {27, 17, 100000000u, 100000}, {24, 20, 10000000u, 1000000},
    {20, 24, 1000000u, 10000000},
};
#define N_PARTITIONS (sizeof partition_rows / sizeof *partition_rows)
_Static_assert(N_PARTITIONS == 7, "partition 7 is not legal");

static void put_long(uint8_t *packed, size_t first, uint64_t value, size_t n_bits)
{
    size_t n_high = n_bits > 32 ? n_bits - 32 : 0;
    tag_bits_put(packed, first, (uint32_t)(value >> 32), n_high);
    tag_bits_put(packed, first + n_high, (uint32_t)value, n_bits - n_high);
}

/* header 8 | filter 3 | partition 3 | prefix 20-40 | item 24-4 | serial 38 */
static void sgtin_epc(uint64_t seed, uint32_t index, uint8_t epc[POPULATION_EPC_BYTES])
{
    uint64_t product_state = seed ^ (index / 64 % SGTIN_ITEMS_PER_PREFIX + 1) * 0x9FB21C651E98DF25u;
    uint64_t tag_state = seed ^ 0x5E7A11u;
    uint64_t filter = 1 + noise_mix(&product_state) % 3;
    size_t partition = noise_mix(&product_state) % N_PARTITIONS;
    const struct partition_row *row = &partition_rows[partition];
    uint64_t prefix = noise_mix(&product_state) % row->prefix_end;
    uint64_t item = noise_mix(&product_state) % row->item_end;
    uint64_t serial = (noise_mix(&tag_state) + index * SERIAL_STEP) & SERIAL_MASK;
    put_long(epc, 0, SGTIN_HEADER, 8);
    put_long(epc, 8, filter, 3);
    put_long(epc, 11, partition, 3);
    put_long(epc, 14, prefix, row->n_prefix_bits);
    put_long(epc, 14 + row->n_prefix_bits, item, row->n_item_bits);
    put_long(epc, 58, serial, 38);
}

void population_epc(uint64_t seed, enum population_scheme scheme, uint32_t index,
                    uint8_t epc[POPULATION_EPC_BYTES])
{
    require(epc);
    memset(epc, 0, POPULATION_EPC_BYTES);
    if (scheme == POPULATION_SGTIN) {
        sgtin_epc(seed, index, epc);
        return;
    }
    uint64_t state = seed ^ 0xEBC0000000000000u ^ index;
    put_long(epc, 0, noise_mix(&state), 64);
    /* the low word is a one-to-one image of the index: no EPC twice */
    put_long(epc, 64, (uint32_t)(index * 0x9E3779B1u + (uint32_t)seed), 32);
}

static float _Complex polar(double amplitude, double phase_rad)
{
    return (float)(amplitude * cos(phase_rad)) + (float)(amplitude * sin(phase_rad)) * I;
}

/* Of the power that arrives at the tag, what it sends back half a swing of; dB, < 0 or amplified. */
static double reflection_db(const struct air_cfg *cfg)
{
    return isnan(cfg->device.carrier_dbm) ? cfg->device.amplifier_db - cfg->modulation_loss_db
                                          : HALF_SWING_DB;
}

void population_place(const struct air_cfg *cfg, double freq_hz, const struct scene_tag *place,
                      uint64_t *random, struct population_path *path)
{
    require(freq_hz > 0.0);
    double span_m = cfg->distance_max_m - cfg->distance_min_m;
    path->distance_m = cfg->distance_min_m + span_m * noise_uniform(random);
    double wave_m = UNITS_LIGHT_SPEED_MPS / freq_hz;
    double loss_db = 20.0 * log10(4.0 * UNITS_PI * path->distance_m / wave_m);
    double line_db = cfg->antenna_gain_dbi + cfg->tag_gain_dbi - loss_db;
    path->distance_m = place ? place->distance_m : path->distance_m;
    uint64_t apart = 0;
    uint64_t *draws = random;
    for (int i = 0; i < AIR_SOURCES_MAX; i++) {
        if (i == AIR_TRANSMITTERS_MAX) {
            apart = *random ^ 0xE417u; /* whoever has no emitters sees the same tags as ever */
            draws = &apart;
        }
        double way_db = place ? cfg->tag_gain_dbi + place->down_db[i] : line_db;
        double forward = units_amplitude_ratio_from_db(cfg->tx_power_dbm + way_db);
        path->forward[i] = polar(forward, 2.0 * UNITS_PI * noise_uniform(draws));
    }
    for (int j = 0; j < AIR_RECEIVERS_MAX; j++) {
        double way_db = place ? cfg->tag_gain_dbi + place->up_db[j] : line_db;
        double back =
            units_amplitude_ratio_from_db(way_db + reflection_db(cfg) - cfg->rx_full_scale_dbm);
        path->back[j] = polar(back, 2.0 * UNITS_PI * noise_uniform(random));
    }
}
