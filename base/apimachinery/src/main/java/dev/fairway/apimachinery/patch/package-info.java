/// The three patches of the API: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge
/// patch.
@NullMarked
package dev.fairway.apimachinery.patch;

import org.jspecify.annotations.NullMarked;
