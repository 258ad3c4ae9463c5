/// Makes the schema resources. Runs in the build only and is left out of the jar.
@NullMarked
package dev.fairway.schemas.generate;

import org.jspecify.annotations.NullMarked;
