/// The documents that tell a client which resources a server has.
@NullMarked
package dev.fairway.apimachinery.discovery;

import org.jspecify.annotations.NullMarked;
