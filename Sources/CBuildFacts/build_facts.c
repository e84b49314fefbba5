#include "CBuildFacts.h"

#ifndef SLUICE_COMMIT
#define SLUICE_COMMIT "unknown"
#endif

#ifndef SLUICE_NIO_SSL
#define SLUICE_NIO_SSL "unknown"
#endif

const char *sluice_build_commit(void) { return SLUICE_COMMIT; }

const char *sluice_build_nio_ssl(void) { return SLUICE_NIO_SSL; }
