/* selection.h - which tags take part, in words -> the masks of Selects on SL.       layer: protocol
 *     selection   [not] mask { and | or | xor | , [not] mask }     "," is "or"
 *     mask        [BANK[@BIT]:]HEX[/HEX][*]
 * BANK is epc, tid or user; BIT is an address in it, decimal or 0x..., else the EPC's first bit or
 * the bank's. Without BANK the digits are an EPC's. "/HEX" says which bits count (as many digits).
 * A tag fits whose memory begins so; a "*" at the end says it once more.
 * It is taken from left to right, as tags take one Select after the other: "a or b and c" is
 * "(a or b) and c".   Source: Gen2 6.3.2.12.1.1; gen2.md 8.2. */
#ifndef PROTOCOL_SELECTION_H
#define PROTOCOL_SELECTION_H

#include "protocol/inventory.h"

enum {
    SELECTION_DIGITS_MAX = 62, /* of one mask: Length of a Select has 8 bits */
    SELECTION_EPC_BIT = 32,    /* address of the EPC's first bit */
    SELECTION_BIT_MAX = 0xFFFF,
};

struct selection { /* embedded */
    size_t n_masks;
    struct inventory_mask mask[INVENTORY_MASKS_MAX];
};

/* How a mask joins those before it; the first one joins nothing. */
enum selection_join { SELECTION_AND = 0, SELECTION_OR, SELECTION_XOR };

/* Digits as a mask without action.
 *   in   n_digits of digits, 1 .. SELECTION_DIGITS_MAX
 *   err  ST_FORMAT not hex digits, or too many; the detail says what is accepted */
enum status selection_digits(const char *digits, size_t n_digits,
                             struct inventory_mask *mask) must_check;

/* Append a mask with the action its join asks for.   err ST_FULL */
enum status selection_add(struct selection *selection, enum selection_join join, bool is_not,
                          const struct inventory_mask *mask) must_check;

/* The whole text; bits that do not count part a mask into several, joined by "and".
 *   out  selection, overwritten
 *   err  ST_USAGE. The detail names the place in the text and what is accepted there; so it does
 *        where parts of one mask cannot be joined to what stands before, and beyond
 *        INVENTORY_MASKS_MAX masks */
enum status selection_parse(const char *text, struct selection *selection) must_check;

/* The last Select leaves nothing open in an EPC's beginning: all who take part fit a mask that begins
 * where the EPC does.   out  that mask; NULL: there is none */
const struct inventory_mask *selection_common(const struct inventory_mask *mask, size_t n_masks);

#endif
