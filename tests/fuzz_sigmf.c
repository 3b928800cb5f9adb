/* fuzz_sigmf.c - metadata from anywhere: parsed or refused, and what is accepted keeps its
 * promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "radio/sigmf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check(const char *text, size_t n_bytes)
{
    struct sigmf meta;
    if (sigmf_parse(text, n_bytes, "fuzz", &meta)) {
        require(!meta.capture);
        require(status_detail()[0]);
        return;
    }
    require(meta.n_channels == 1 || meta.n_channels == 2);
    require(!(meta.rate_sps < SIGMF_RATE_MIN_SPS || meta.rate_sps > SIGMF_RATE_MAX_SPS));
    require(meta.n_captures >= 1);
    for (size_t k = 1; k < meta.n_captures; k++) {
        require(meta.capture[k].sample_start >= meta.capture[k - 1].sample_start);
    }
    sigmf_fini(&meta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    check((const char *)data, n_bytes);
    /* the same bytes as changes of a good file: blind bytes hardly ever are JSON */
    static const char good[] =
        "{\"global\":{\"core:datatype\":\"ci16_le\",\"core:version\":\"1.0.0\","
        "\"core:sample_rate\":2e6,\"core:num_channels\":2},\"captures\":[{\"core:sample_start\":0,"
        "\"core:global_index\":5,\"core:datetime\":\"2001-09-09T01:46:40.250Z\"},"
        "{\"core:sample_start\":10}],\"annotations\":[{\"core:sample_start\":1,"
        "\"core:sample_count\":2,\"core:label\":\"Q\"}]}";
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    const size_t n_changes = n_bytes / 3 < 4 ? n_bytes / 3 : 4;
    for (size_t k = 0; k < n_changes; k++) {
        const size_t at = (size_t)(data[3 * k] << 8 | data[3 * k + 1]) % (sizeof good - 1);
        text[at] = (char)data[3 * k + 2];
    }
    check(text, sizeof good - 1);
    return 0;
}
