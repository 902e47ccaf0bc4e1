//! A node host: the commands it offers, exec policy, the invoke loop.
