enum PerMessageDeflateTestsPlaceholder {}
