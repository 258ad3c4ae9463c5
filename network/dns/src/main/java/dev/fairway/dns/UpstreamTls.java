// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.nio.file.Path;
import java.util.Optional;

/// That resolvers are asked over TLS (RFC 7858), and who they must prove to be.
///
/// @param serverName a name of their certificate; empty if it is their address
/// @param authorities PEM file of whose word counts, else the Java platform's list does
public record UpstreamTls(String serverName, Optional<Path> authorities) {}
