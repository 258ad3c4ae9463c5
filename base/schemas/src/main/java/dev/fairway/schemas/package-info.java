/// The schemas of Kubernetes' built-in objects.
///
/// They are made while building, from the annotated classes of the official Java client and from
/// two tables kept by hand (`src/main/schemas`): which class belongs to which definition package,
/// and what the classes do not say (merge keys, list types, enumerations). At run time only a text
/// resource is left; a definition is parsed when it is first asked for, and descriptions only when
/// documents need them. Kinds that are not generally available are left out.
@NullMarked
package dev.fairway.schemas;

import org.jspecify.annotations.NullMarked;
