/* option_tables.h - all option tables of the program, in the order of help and default.yaml.
 *                                                                            layer: reader */
#ifndef READER_OPTION_TABLES_H
#define READER_OPTION_TABLES_H

#include "config/option.h"

enum { OPTION_TABLES_MAX = 32 };

/* out table[], returns how many */
size_t option_tables_collect(const struct option_table *table[OPTION_TABLES_MAX]);

#endif
