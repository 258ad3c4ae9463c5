/// Label and field selectors: parsed once, matched often.
@NullMarked
package dev.fairway.apimachinery.selector;

import org.jspecify.annotations.NullMarked;
