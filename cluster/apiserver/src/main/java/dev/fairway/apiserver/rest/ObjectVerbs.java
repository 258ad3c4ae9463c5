// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Decoder;
import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.patch.Patches;
import dev.fairway.apimachinery.table.Tables;
import dev.fairway.apiserver.registry.DeleteOptions;
import dev.fairway.apiserver.registry.Listing;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.Registry.Deleted;
import dev.fairway.apiserver.registry.Registry.Part;
import dev.fairway.apiserver.registry.Registry.Written;
import dev.fairway.apiserver.registry.Selection;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.apiserver.registry.WriteOptions;
import dev.fairway.store.Entry;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Create, get, list, update, patch and delete of whole objects.
final class ObjectVerbs {
  /// A longer list goes out in pieces, as the client takes them.
  private static final long WHOLE_BYTES = 256 << 10;

  private static final String APPLY = "application/apply-patch+yaml";

  private final Registry registry;

  ObjectVerbs(Registry registry) {
    this.registry = registry;
  }

  void get(Call call, ResourcePath path) {
    call.object(
        200, path.kind(), registry.get(path.kind(), path.namespace(), path.name()), List.of());
  }

  void list(Call call, ResourcePath path) throws InterruptedException {
    Selection selection = Selection.of(path.kind(), path.namespace(), call.query());
    int limit = (int) Math.min(number(call, "limit"), Integer.MAX_VALUE);
    String token = call.query().get("continue").orElse("");
    long wanted = number(call, "resourceVersion");
    String match = call.query().get("resourceVersionMatch").orElse("");
    long at = 0;
    switch (match) {
      case "Exact" -> at = wanted;
      case "", "NotOlderThan" -> requireReached(wanted);
      default ->
          throw StatusException.badRequest(
              "resourceVersionMatch: Unsupported value: \"" + match + "\"");
    }
    Listing listing = registry.list(selection, limit, token, token.isEmpty() ? at : 0);
    switch (call.form().as()) {
      case TABLE -> call.send(200, call.table(path.kind(), listing.trees(), listing.metadata()));
      case PARTIAL ->
          call.send(200, Tables.partialMetadataList(listing.trees(), listing.metadata()));
      case OBJECT -> {
        if (call.form().yaml()) {
          call.send(200, Trees.read(listing.bytes()));
        } else if (call.request().method().equals("GET") && listing.isLongerThan(WHOLE_BYTES)) {
          call.stream("application/json", listing::writeTo);
        } else {
          call.bytes(200, "application/json", listing.bytes(), List.of());
        }
      }
    }
  }

  private void requireReached(long revision) {
    if (revision > registry.store().revision()) {
      throw StatusException.timeout(
          "Too large resource version: " + revision + ", current: " + registry.store().revision());
    }
  }

  static long number(Call call, String parameter) {
    String text = call.query().get(parameter).orElse("0");
    try {
      long value = Long.parseLong(text);
      if (value >= 0) {
        return value;
      }
    } catch (NumberFormatException _) {
      // Told below.
    }
    throw StatusException.badRequest(
        parameter + ": Invalid value: \"" + text + "\": must be a whole number, 0 or more");
  }

  void create(Call call, ResourcePath path) {
    Kind kind = path.kind();
    WriteOptions options =
        WriteOptions.of(call.identity(), call.request(), path.subresource(), call.warnings());
    Decoder.Decoded decoded =
        Decoder.decode(kind, call.body().bytes(), call.body().yaml(), options.fieldValidation());
    Written written = registry.create(kind, path.namespace(), decoded.object(), options);
    call.object(201, kind, written.entry(), decoded.warnings());
  }

  void update(Call call, ResourcePath path, Part part) {
    Kind kind = path.kind();
    WriteOptions options =
        WriteOptions.of(call.identity(), call.request(), path.subresource(), call.warnings());
    Decoder.Decoded decoded =
        Decoder.decode(kind, call.body().bytes(), call.body().yaml(), options.fieldValidation());
    Written written =
        registry.update(
            kind, path.namespace(), path.name(), part, options, _ -> Trees.copy(decoded.object()));
    call.object(200, kind, written.entry(), decoded.warnings());
  }

  /// @param mayCreate throws if the caller may not create such an object; asked by an apply
  void patch(Call call, ResourcePath path, Part part, Runnable mayCreate) {
    Kind kind = path.kind();
    String type = Call.contentType(call.request());
    if (type.equals(APPLY)) {
      apply(call, path, part, mayCreate);
      return;
    }
    if (call.query().get("force").isPresent()) {
      throw StatusException.invalidOptions(
          FieldError.forbidden("force", "may not be specified for non-apply patch"));
    }
    Patches.Type patchType = Patches.Type.ofMediaType(type);
    if (patchType == null) {
      throw unknownPatch();
    }
    WriteOptions options =
        WriteOptions.of(call.identity(), call.request(), path.subresource(), call.warnings());
    List<String> warnings = new ArrayList<>();
    Written written =
        registry.update(
            kind,
            path.namespace(),
            path.name(),
            part,
            options,
            current -> {
              ObjectNode patched =
                  Patches.apply(patchType, kind, current, call.request().body(), false);
              Decoder.Decoded checked = Decoder.check(kind, patched, options.fieldValidation());
              warnings.clear();
              warnings.addAll(checked.warnings());
              return checked.object();
            });
    call.object(200, kind, written.entry(), warnings);
  }

  private void apply(Call call, ResourcePath path, Part part, Runnable mayCreate) {
    Kind kind = path.kind();
    if (call.query().get("fieldManager").orElse("").isEmpty()) {
      throw StatusException.invalidOptions(
          FieldError.required("fieldManager", "is required for apply patch"));
    }
    WriteOptions options =
        WriteOptions.of(call.identity(), call.request(), path.subresource(), call.warnings());
    Decoder.Decoded decoded =
        Decoder.decode(kind, call.request().body(), true, options.fieldValidation());
    Written written =
        registry.apply(
            kind,
            path.namespace(),
            path.name(),
            part,
            options,
            decoded.object(),
            call.query().flag("force"),
            mayCreate);
    call.object(written.created() ? 201 : 200, kind, written.entry(), decoded.warnings());
  }

  static StatusException unknownPatch() {
    return StatusException.unsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include:"
            + " application/json-patch+json, application/merge-patch+json,"
            + " application/strategic-merge-patch+json, application/apply-patch+yaml");
  }

  void delete(Call call, ResourcePath path) {
    DeleteOptions options = DeleteOptions.of(call.body().bytes(), call.body().yaml(), call.query());
    Deleted deleted =
        registry.delete(
            path.kind(),
            path.namespace(),
            path.name(),
            options,
            call.admission("", options.dryRun()));
    if (deleted.gone() && !path.kind().is("", "Pod")) {
      call.send(
          200,
          StatusException.success(
              path.kind(), path.name(), Trees.text(deleted.object(), "metadata", "uid")));
    } else {
      call.object(200, path.kind(), deleted.entry(), List.of());
    }
  }

  void deleteCollection(Call call, ResourcePath path) {
    DeleteOptions options = DeleteOptions.of(call.body().bytes(), call.body().yaml(), call.query());
    Selection selection = Selection.of(path.kind(), path.namespace(), call.query());
    Listing listing = registry.list(selection, 0, "", 0);
    ObjectNode list = Trees.object();
    list.put("kind", path.kind().listKind());
    list.put("apiVersion", path.kind().apiVersion());
    list.set("metadata", listing.metadata());
    ArrayNode items = list.putArray("items");
    for (Entry entry : listing.entries()) {
      ObjectNode object = StoredForm.tree(path.kind(), entry);
      items.add(object);
      try {
        registry.delete(
            path.kind(),
            Trees.text(object, "metadata", "namespace"),
            Trees.text(object, "metadata", "name"),
            options,
            call.admission("", options.dryRun()));
      } catch (StatusException already) {
        if (already.code() != 404) {
          throw already;
        }
      }
    }
    call.send(200, list);
  }
}
