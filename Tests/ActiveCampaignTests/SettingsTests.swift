import Shared
import Testing

@testable import ActiveCampaign

@Suite struct SettingsTests {
    private func read(_ values: [String: String]) -> (ActiveCampaign.Settings?, mistakes: [String]) {
        var reader = SettingsReader(value: { values[$0] }, readFile: { _ in "" })
        let settings = ActiveCampaign.Settings.read(&reader)
        return (settings, reader.mistakes)
    }

    private let account = ["ACTIVE_CAMPAIGN_NAME": "shop", "ACTIVE_CAMPAIGN_API_KEY": "secret"]

    @Test func itIsOffByDefault() {
        let (settings, mistakes) = read([:])
        #expect(settings == nil && mistakes.isEmpty)
    }

    @Test func theAccountNamesItsHost() throws {
        let (settings, mistakes) = read(account)
        #expect(mistakes.isEmpty)
        let found = try #require(settings)
        #expect(found.url == "https://shop.api-us1.com" && found.key == "secret" && found.tag == nil)
        #expect(found.timeout == .seconds(5) && found.attempts == 12 && found.callsPerSecond == 5)
    }

    @Test(arguments: [("http://127.0.0.1:8080", ""), ("https://x.example/ac/", "/")])
    func theURLMayBeAnother(_ url: String, _ end: String) throws {
        let (settings, mistakes) = read(account.merging(["ACTIVE_CAMPAIGN_URL": url]) { $1 })
        #expect(mistakes.isEmpty)
        #expect(try #require(settings).url + end == url)
    }

    @Test(arguments: [
        (["ACTIVE_CAMPAIGN_NAME": "shop"], "set both"), (["ACTIVE_CAMPAIGN_API_KEY": "x"], "set both"),
        (["ACTIVE_CAMPAIGN_NAME": "shop.example", "ACTIVE_CAMPAIGN_API_KEY": "x"], "no account"),
        (["ACTIVE_CAMPAIGN_NAME": "shop", "ACTIVE_CAMPAIGN_API_KEY": "x\ny"], "characters"),
        (["ACTIVE_CAMPAIGN_URL": "shop.example"], "ACTIVE_CAMPAIGN_URL"),
        (["ACTIVE_CAMPAIGN_URL": "ftp://shop.example"], "ACTIVE_CAMPAIGN_URL"),
        (["ACTIVE_CAMPAIGN_URL": "http://"], "ACTIVE_CAMPAIGN_URL"),
        (["ACTIVE_CAMPAIGN_URL": "http://user:pass@x"], "ACTIVE_CAMPAIGN_URL"),
        (["ACTIVE_CAMPAIGN_URL": "http://x/?a=b"], "ACTIVE_CAMPAIGN_URL"),
        (["ACTIVE_CAMPAIGN_TAG_ID": "paid"], "ACTIVE_CAMPAIGN_TAG_ID"),
        (["ACTIVE_CAMPAIGN_RATE": "0"], "ACTIVE_CAMPAIGN_RATE"),
    ])
    func mistakesAreNamed(_ values: [String: String], _ text: String) {
        let mistakes = read(values).mistakes
        #expect(mistakes.count == 1 && mistakes[0].contains(text), "\(mistakes)")
    }
}
