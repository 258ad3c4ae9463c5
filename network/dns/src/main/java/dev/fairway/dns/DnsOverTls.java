// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.nio.file.Path;

/// That questions are answered over TLS, too (RFC 7858), at the addresses the server listens at.
///
/// @param port usually 853
/// @param certificate PEM file of the server's certificate and those that it hangs on
/// @param key PEM file of its private key, PKCS #8, EC or RSA
public record DnsOverTls(int port, Path certificate, Path key) {}
