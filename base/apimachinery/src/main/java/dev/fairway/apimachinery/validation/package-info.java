/// Whether an object's values make sense: rules for all kinds, from the schema, and rules by hand
/// for the everyday kinds. Messages are upstream's well-known ones.
@NullMarked
package dev.fairway.apimachinery.validation;

import org.jspecify.annotations.NullMarked;
