/* dry_run.h - --dry-run: what a run would put on the air, told without opening anything.
 *                                                                            layer: reader */
#ifndef READER_DRY_RUN_H
#define READER_DRY_RUN_H

#include <stdio.h>

#include "reader/reader.h"

/* Check the configuration as a run does and write the plan: lines for people, or with run.json one
 * object of type "plan".
 *   err  what the run itself would fail with before its radio is asked; ST_IO */
enum status dry_run(const struct reader_cfg *cfg, FILE *stream) must_check;

#endif
