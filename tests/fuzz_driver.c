/* fuzz_driver.c - drives a libFuzzer target without libFuzzer: arguments that are files are
 * replayed, a number N runs N seeded random inputs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static uint64_t fuzz_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    uint8_t *data = malloc(1 << 20);
    size_t n_bytes = fread(data, 1, 1 << 20, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, n_bytes);
    free(data);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *end;
        long n_runs = strtol(argv[i], &end, 10);
        if (*end) {
            replay(argv[i]);
            continue;
        }
        uint64_t state = 0x9E3779B97F4A7C15u;
        uint8_t data[512];
        for (long run = 0; run < n_runs; run++) {
            size_t n_bytes = (size_t)(fuzz_random(&state) % sizeof data);
            for (size_t k = 0; k < n_bytes; k++) {
                data[k] = (uint8_t)fuzz_random(&state);
            }
            LLVMFuzzerTestOneInput(data, n_bytes);
        }
    }
    return 0;
}
