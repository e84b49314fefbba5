// What only whoever builds knows. Package.swift takes it from the environment and hands it to this target alone, so that
// another commit compiles one small file again.
#ifndef C_BUILD_FACTS_H
#define C_BUILD_FACTS_H

// As `git describe --always --dirty` writes it; "unknown" where nobody said.
const char *_Nonnull sluice_build_commit(void);

// Of the package swift-nio-ssl, whose BoringSSL is linked in.
const char *_Nonnull sluice_build_nio_ssl(void);

#endif
