/* access_options.h - the access.* keys: which tags, which password, how many tries.   layer: reader */
#ifndef READER_ACCESS_OPTIONS_H
#define READER_ACCESS_OPTIONS_H

#include "config/option.h"
#include "protocol/access.h"
#include "protocol/inventory.h"

struct access_keys { /* option keys access.* */
    char epc[LIMIT_TEXT], tid[LIMIT_TEXT], password[LIMIT_TEXT];
    int identity; /* enum access_identity */
    int64_t tries, contacts, tags_max;
    double idle_s;
    bool keep_going, yes;
};
extern const struct option_table access_options;

/* What is to be done, out of the keys and operations in words.
 *   out  cfg
 *   err  ST_USAGE: no operation, one that is malformed, or a final one without --yes; a bad mask or
 *        password. The detail says which */
enum status access_cfg_make(const struct access_keys *keys, int n_texts, char *const *texts,
                            struct access_cfg *cfg) must_check;

/* The same masks for the Selects that open each pass. A mask on the EPC stays away where an operation may
 * change the EPC: the tag must be met again. */
void access_masks_make(const struct access_cfg *cfg, struct inventory_cfg *inventory);

#endif
