/* fuzz_tdma.c - arbitrary text as units of a period and as a list of words. What is accepted is within the period;
 * what is not is refused in words. */
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "protocol/tdma_plan.h"
#include "reader/epc_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

enum { TEXT_MAX = 512 };

static void try_units(const char *text, unsigned n_units)
{
    uint64_t owned = 0;
    if (tdma_units_parse(text, n_units, "units", &owned)) {
        require(strlen(status_detail()) > 20);
        return;
    }
    require(owned != 0);
    require(n_units == TDMA_UNITS_MAX || owned >> n_units == 0);
}

/* Words are in their order, none is empty, and none holds what parts them. */
static void try_words(const char *text)
{
    const char *at = text, *behind = text, *word;
    size_t n_chars;
    while (epc_list_word(&at, &word, &n_chars)) {
        require(n_chars > 0);
        require(word >= behind);
        require(at == word + n_chars);
        require(strcspn(word, ", \t\r\n\v\f#") >= n_chars);
        behind = at;
    }
    require(*at == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char text[TEXT_MAX];
    if (n_bytes == 0) {
        return 0;
    }
    const size_t n_chars = n_bytes - 1 < TEXT_MAX - 1 ? n_bytes - 1 : TEXT_MAX - 1;
    memcpy(text, data + 1, n_chars);
    text[n_chars] = '\0';
    try_units(text, 1 + data[0] % TDMA_UNITS_MAX);
    try_words(text);
    return 0;
}
