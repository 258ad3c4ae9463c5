// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/// YAML, and JSON with it, as plain maps, lists and values.
final class SettingsText {
  /// More than any cluster's settings need; a ConfigMap may hold 1 MiB.
  static final int LONGEST = 256 * 1024;

  private SettingsText() {}

  static Map<?, ?> read(String text) {
    if (text.length() > LONGEST) {
      throw new InvalidSettings("the document", "must be at most " + LONGEST + " characters");
    }
    LoadSettings limits =
        LoadSettings.builder()
            .setLabel("settings")
            .setMaxAliasesForCollections(0)
            .setAllowDuplicateKeys(false)
            .setAllowRecursiveKeys(false)
            .setCodePointLimit(LONGEST)
            .build();
    @Nullable Object document;
    try {
      Iterator<Object> documents = new Load(limits).loadAllFromString(text).iterator();
      document = documents.hasNext() ? documents.next() : null;
      if (documents.hasNext()) {
        throw new InvalidSettings("the document", "must be one alone, without \"---\" inside");
      }
    } catch (YamlEngineException e) {
      String why = String.valueOf(e.getMessage()).strip().replace('\n', ' ');
      throw new InvalidSettings(
          "the document is not YAML: " + why.substring(0, Math.min(300, why.length())), e);
    } catch (StackOverflowError e) {
      throw new InvalidSettings("the document is nested too deeply", e);
    }
    if (document instanceof Map<?, ?> map) {
      return map;
    }
    throw new InvalidSettings(
        "the document",
        "must be a map that begins with apiVersion: " + PodNetworkSettings.API_VERSION);
  }
}
