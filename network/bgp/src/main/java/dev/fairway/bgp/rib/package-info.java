/// Which of the routes to a prefix are best (RFC 4271 9.1), and the table of all of them.
///
/// The table holds what was accepted, once: a path is a pointer to its neighbour and one to its
/// attributes, which are shared by all that have the same. What was told to whom is one bit a
/// neighbour. Used by one thread.
@NullMarked
package dev.fairway.bgp.rib;

import org.jspecify.annotations.NullMarked;
