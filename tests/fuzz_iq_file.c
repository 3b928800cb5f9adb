/* fuzz_iq_file.c - a data file of any bytes: reading ends, ticks follow on, samples are finite. */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/require.h"
#include "radio/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_all(const struct recording_cfg *cfg, size_t capacity_samples)
{
    static float _Complex sample[LIMIT_RX_CHANNELS][64];
    struct recording *recording;
    if (recording_open(cfg, &recording)) {
        return;
    }
    struct iq_block block = {.n_channels = recording_meta(recording)->n_channels,
                             .capacity_samples = capacity_samples,
                             .sample = {sample[0], sample[1]}};
    int64_t next_tick = 0;
    enum status status;
    while ((status = recording_read(recording, &block)) == ST_OK) {
        require(block.n_samples > 0 && block.n_samples <= capacity_samples);
        require(block.first_tick == next_tick + block.gap_samples);
        next_tick = block.first_tick + (int64_t)block.n_samples;
        for (size_t k = 0; k < block.n_samples; k++) {
            require(isfinite(crealf(sample[0][k])));
            require(isfinite(cimagf(sample[block.n_channels - 1][k])));
        }
    }
    require(status == ST_END || status == ST_SHORT);
    if (status == ST_SHORT) {
        require(recording_read(recording, &block) == ST_END);
    }
    recording_close(&recording);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes < 2) {
        return 0;
    }
    const int file = memfd_create("fuzz_iq_file", 0);
    require(file >= 0);
    require(write(file, data + 2, n_bytes - 2) == (ssize_t)(n_bytes - 2));
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const struct recording_cfg cfg = {.path = path,
                                      .format = data[0] % IQ_FORMAT_COUNT,
                                      .rate_sps = 1e6,
                                      .n_channels = 1u + data[0] / 128u};
    read_all(&cfg, 1 + data[1] % 64u);
    close(file);
    return 0;
}
