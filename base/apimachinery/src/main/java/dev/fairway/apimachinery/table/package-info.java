/// What `kubectl get` prints: a table with columns for each kind, made by the server.
@NullMarked
package dev.fairway.apimachinery.table;

import org.jspecify.annotations.NullMarked;
