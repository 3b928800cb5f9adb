/* fuzz_selection.c - arbitrary text as a selection and as a list of watched tags. What is accepted can be
 * sent; what is not is refused in words. */
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "protocol/selection.h"
#include "reader/watchlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

enum { TEXT_MAX = 512 };

static void try_selection(const char *text)
{
    static struct selection selection;
    static struct bitbuf bits;
    if (selection_parse(text, &selection)) {
        require(strlen(status_detail()) > 20);
        return;
    }
    require(selection.n_masks >= 1);
    require(selection.n_masks <= INVENTORY_MASKS_MAX);
    for (size_t k = 0; k < selection.n_masks; k++) {
        const struct inventory_mask *mask = &selection.mask[k];
        struct command command = {.id = COMMAND_SELECT};
        command.select.target = 4;
        command.select.action = mask->action;
        command.select.mem_bank = mask->mem_bank;
        command.select.pointer = mask->pointer_bits;
        command.select.n_mask_bits = mask->n_bits;
        memcpy(command.select.mask, mask->mask, sizeof command.select.mask);
        require((k == 0) == (mask->action % 4 == 0));
        bits.n_bits = 0;
        const enum status status = command_encode(&command, &bits);
        require(status == ST_OK);
    }
    const struct inventory_mask *common = selection_common(selection.mask, selection.n_masks);
    require(!common || common->mem_bank == BANK_EPC);
}

static void try_list(const char *text)
{
    static struct watchlist_cfg cfg;
    struct watchlist list;
    struct watchlist_change change;
    memset(&cfg, 0, sizeof cfg);
    cfg.missed_s = 1.0;
    if (watchlist_parse(text, "fuzz", &cfg)) {
        require(strncmp(status_detail(), "fuzz: ", 6) == 0);
        return;
    }
    watchlist_init(&list, &cfg);
    for (size_t k = 0; k < cfg.n_entries; k++) {
        require(watchlist_missed(&list, 2.0, &change));
    }
    require(!watchlist_missed(&list, 2.0, &change));
    for (size_t k = 0; k < cfg.n_entries; k++) {
        const struct inventory_mask *mask = &cfg.entry[k].mask;
        while (watchlist_seen(&list, mask->mask, mask->n_bits, 3.0, &change)) {
            require(change.is_present);
        }
        require(!list.is_missed[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const char *const pieces[] = {
        " and ", " or ",  "not ", ",", " xor ", "epc:",   "tid:",       "user@0:", "epc@32:",
        "3034",  "BEEF/", "F0F0", "*", "/FF",   "E28011", "\n# dock\n", "0x10",    " ",
    };
    char text[TEXT_MAX];
    size_t n = n_bytes < sizeof text - 1 ? n_bytes : sizeof text - 1;
    if (n > 0) {
        memcpy(text, data, n);
    }
    text[n] = '\0';
    try_selection(text);
    try_list(text);
    n = 0; /* the same bytes as pieces of what is right */
    for (size_t k = 0; k < n_bytes; k++) {
        const char *piece = pieces[data[k] % (sizeof pieces / sizeof *pieces)];
        if (n + strlen(piece) >= sizeof text) {
            break;
        }
        strcpy(text + n, piece);
        n += strlen(piece);
    }
    text[n] = '\0';
    try_selection(text);
    try_list(text);
    return 0;
}
