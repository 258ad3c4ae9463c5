/// BGP messages as values, and their bytes (RFC 4271 and its extensions).
///
/// Reading never trusts a length. An error in an UPDATE ends in what RFC 7606 asks for: routes
/// treated as withdrawn, an attribute dropped, or, where the rest cannot be read, a NOTIFICATION.
@NullMarked
package dev.fairway.bgp.wire;

import org.jspecify.annotations.NullMarked;
