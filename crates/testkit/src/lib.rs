//! For tests only: a gateway on port 0, temporary state, a clock that tests move.
