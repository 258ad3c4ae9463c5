// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apiserver.auth.Identity;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A write on its way to the store. Steps change [#object] in place, or reject by throwing.
public final class Admission {
  /// What is done to the object.
  public enum Operation {
    CREATE,
    UPDATE
  }

  private final Operation operation;
  private final Kind kind;
  private final String namespace;
  private final ObjectNode object;
  private final @Nullable ObjectNode old;
  private final Identity identity;
  private final List<Runnable> undo = new ArrayList<>();
  private final List<Runnable> onStored = new ArrayList<>();

  public Admission(
      Operation operation,
      Kind kind,
      String namespace,
      ObjectNode object,
      @Nullable ObjectNode old,
      Identity identity) {
    this.operation = operation;
    this.kind = kind;
    this.namespace = namespace;
    this.object = object;
    this.old = old;
    this.identity = identity;
  }

  public Operation operation() {
    return operation;
  }

  public Kind kind() {
    return kind;
  }

  /// Empty for cluster-scoped objects.
  public String namespace() {
    return namespace;
  }

  public ObjectNode object() {
    return object;
  }

  /// The stored state an update replaces, null for a create.
  public @Nullable ObjectNode old() {
    return old;
  }

  public Identity identity() {
    return identity;
  }

  boolean creates(String group, String kindName) {
    return operation == Operation.CREATE && kind.is(group, kindName);
  }

  /// Runs if the object is not stored after all.
  void undo(Runnable action) {
    undo.add(action);
  }

  /// Runs once the object is stored.
  void onStored(Runnable action) {
    onStored.add(action);
  }

  /// The object is stored.
  public void stored() {
    undo.clear();
    onStored.forEach(Runnable::run);
    onStored.clear();
  }

  /// The object was not stored; takes back what steps reserved. Without effect after [#stored].
  public void abandon() {
    for (Runnable action : undo.reversed()) {
      action.run();
    }
    undo.clear();
  }
}
