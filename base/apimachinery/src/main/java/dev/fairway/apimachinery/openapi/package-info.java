/// OpenAPI documents of the API: version 3 by group and version, version 2 as one document.
@NullMarked
package dev.fairway.apimachinery.openapi;

import org.jspecify.annotations.NullMarked;
