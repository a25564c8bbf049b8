//! What crosses rooms; the test binaries stand beside this file.
