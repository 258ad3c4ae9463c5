// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.FieldValidation;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.managedfields.FieldOwnership.Writer;
import dev.fairway.apiserver.admission.Admission;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.http.Query;
import dev.fairway.apiserver.http.Request;
import java.time.Clock;
import java.util.Optional;

/// Who writes, and how strictly.
///
/// @param manager whom the written fields belong to from then on; empty if to nobody
/// @param subresource empty for the object itself
/// @param warnings what the client is to hear beside the answer
public record WriteOptions(
    Identity identity,
    boolean dryRun,
    FieldValidation fieldValidation,
    Optional<String> manager,
    String subresource,
    Warnings warnings) {
  private static final int LONGEST_MANAGER = 128;

  /// Reads `dryRun`, `fieldValidation` and `fieldManager`. A client that names no manager is the
  /// one that its `User-Agent` begins with.
  public static WriteOptions of(
      Identity identity, Request request, String subresource, Warnings warnings) {
    Query query = request.query();
    String dryRun = query.get("dryRun").orElse("");
    if (!dryRun.isEmpty() && !dryRun.equals("All")) {
      throw StatusException.badRequest(
          "dryRun: Unsupported value: \"" + dryRun + "\": supported values: \"All\"");
    }
    return new WriteOptions(
        identity,
        !dryRun.isEmpty(),
        FieldValidation.parse(query.get("fieldValidation").orElse(null)),
        Optional.of(manager(request)),
        subresource,
        warnings);
  }

  /// The same, but what is written belongs to nobody.
  public WriteOptions unmanaged() {
    return new WriteOptions(
        identity, dryRun, fieldValidation, Optional.empty(), subresource, warnings);
  }

  /// How admission sees it.
  Admission.Request admission() {
    return new Admission.Request(identity, subresource, dryRun, warnings);
  }

  Optional<Writer> writer(Clock clock) {
    return manager.map(name -> new Writer(name, subresource, clock.instant()));
  }

  private static String manager(Request request) {
    String given = request.query().get("fieldManager").orElse("");
    if (!given.isEmpty()) {
      if (given.length() > LONGEST_MANAGER) {
        throw StatusException.invalidOptions(FieldError.tooLong("fieldManager", LONGEST_MANAGER));
      }
      if (!given.codePoints().allMatch(WriteOptions::isPrintable)) {
        throw StatusException.invalidOptions(
            FieldError.invalid("fieldManager", given, "should only contain printable characters"));
      }
      return given;
    }
    String agent = request.header("user-agent").orElse("");
    int slash = agent.indexOf('/');
    StringBuilder name = new StringBuilder();
    (slash < 0 ? agent : agent.substring(0, slash))
        .codePoints()
        .filter(WriteOptions::isPrintable)
        .limit(LONGEST_MANAGER)
        .forEach(name::appendCodePoint);
    return name.isEmpty() ? "unknown" : name.toString();
  }

  private static boolean isPrintable(int character) {
    return !Character.isISOControl(character) && Character.isDefined(character);
  }
}
