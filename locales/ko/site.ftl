language-name = 한국어
site-name = 사랑방
site-motto = 손님을 맞이하고 이야기를 나누는 공간이에요.
skip-to-content = 본문 바로가기
skip-to-composer = 메시지 입력창 바로가기
account = 내 계정

sign-in = 로그인
sign-up = 회원가입
sign-out = 로그아웃
user-id = 아이디
user-id-hint = 한글·영문·숫자와 밑줄(_), 하이픈(-), 마침표(.)로 3~32자. 로그인할 때 사용해요.
password = 비밀번호
password-hint = 8자 이상 입력해 주세요.
nickname = 닉네임
nickname-hint = 다른 사람에게 보이는 이름이에요. 최대 40자.
go-to-sign-in = 이미 계정이 있나요? 로그인
go-to-sign-up = 처음이신가요? 회원가입
sign-up-to-room = 초대받은 방을 열려면 가입해 주세요.
sign-in-to-room = 방을 열려면 로그인해 주세요.
forgotten-password = 비밀번호를 잊으셨나요? 사이트 관리자에게 문의해 주세요.
show-password = 비밀번호 표시
notice-signed-out = 로그아웃했어요.
notice-session-ended = 이 기기에서 로그아웃되었어요.
notice-account-deleted = 계정을 삭제했어요.
go-to-your-account = 내 프로필이에요. 수정하기
member-since = 가입일
role-admin = 관리자
deleted-user-hint = 더 이상 없는 계정이에요.
back-to-room = 방으로 돌아가기
deleted-user = 탈퇴한 사용자

picture = 사진
choose-picture = 사진 선택
picture-hint = JPEG, PNG, GIF, WebP 파일을 8MiB까지 올릴 수 있어요. 정사각형으로 잘리고 촬영 정보는 지워져요.
save-picture = 사진 저장
remove-picture = 사진 삭제
remove-picture-hint = 이름 첫 글자가 대신 보여요.
picture-sending = 올리는 중…
picture-stored = 사진을 저장했어요.
picture-ticket = 화면을 연 지 오래되었어요. 다시 시도해 주세요.
picture-form = 업로드가 중단되었어요. 다시 시도해 주세요.
picture-missing = 사진을 먼저 선택해 주세요.
picture-too-large = 사진이 8MiB보다 커요.
picture-too-slow = 업로드가 너무 오래 걸려요. 다시 시도하거나 더 작은 사진을 사용해 주세요.
picture-too-many = 사진을 너무 자주 올렸어요. 1분 후 다시 시도해 주세요.
picture-kind = JPEG, PNG, GIF, WebP 파일이 아니에요.
picture-pixels = 사진이 너무 커요. 한 변은 10,000픽셀, 전체는 4천만 픽셀까지 가능해요.
picture-broken = 사진이 손상되었어요.
picture-unavailable = 지금은 사진을 사용할 수 없어요. 다른 기능은 그대로 쓸 수 있으니 잠시 후 다시 시도해 주세요.
notice-picture = 사진을 삭제했어요.
profile = 프로필
save = 저장
save-nickname = 닉네임 저장
language-and-theme = 언어 및 테마
language = 언어
language-from-browser = 브라우저 설정
current-password = 현재 비밀번호
new-password = 새 비밀번호
new-password-hint = 변경하면 다른 기기에서 로그아웃돼요.
change-password = 비밀번호 변경
sessions = 로그인된 기기
current-session = 현재 기기
unknown-browser = 알 수 없는 브라우저
device = { $system }의 { $browser }
device-zone = { $zone ->
    [Seoul] 서울
    [Tokyo] 도쿄
    [Shanghai] 상하이
    [Hong_Kong] 홍콩
    [Taipei] 타이베이
    [Singapore] 싱가포르
    [Bangkok] 방콕
    [Sydney] 시드니
    [London] 런던
    [Paris] 파리
    [Berlin] 베를린
    [New_York] 뉴욕
    [Chicago] 시카고
    [Los_Angeles] 로스앤젤레스
   *[other] { $city }
} 시간
sign-out-session = 로그아웃
sign-out-other-sessions = 다른 기기 모두 로그아웃
sign-out-other-sessions-hint = 이 기기에서만 로그인이 유지돼요.
delete-account = 회원 탈퇴
delete-account-hint = 메시지는 ‘탈퇴한 사용자’로 남고, 아이디는 다른 사람이 쓸 수 있어요.
delete-account-warning = 되돌릴 수 없어요. 탈퇴하려면 비밀번호를 입력해 주세요.
notice-profile = 닉네임을 저장했어요.
notice-preferences = 저장했어요.
notice-password = 비밀번호를 변경했어요.
notice-sessions = 선택한 기기에서 로그아웃했어요.

theme = 테마
theme-from-system = 기기 설정
theme-light = 라이트
theme-dark = 다크

you = 나
message-actions = 메시지 메뉴
more-actions = 더보기
copy-link = 링크 복사
copy-text = 텍스트 복사
message-details = 자세히 보기
message-changed = 다른 곳에서 수정된 메시지예요. 저장하면 그 내용이 바뀌어요.
message-edited = 메시지를 수정했어요.
message-was-deleted = 메시지를 삭제했어요.
copied = 복사했어요.
undo = 되돌리기
edit-failed = 저장하지 못했어요. 다시 시도해 주세요.
delete-failed = 메시지를 삭제하지 못했어요.
copy-failed = 복사하지 못했어요.
cancel = 취소
characters-left = { $count }자 남음
characters-over = { $count }자 초과
new-messages = 새 메시지 { $count }개
announce-newer = 새 메시지 { $count }개가 왔어요.
announce-older = 이전 메시지 { $count }개를 불러왔어요.
announce-loaded = 다음 메시지 { $count }개를 불러왔어요.
unread-divider = 여기까지 읽었어요
help = 알림과 단축키
shortcut-enter = 메시지 보내기 (터치 화면에서는 줄바꿈)
shortcut-shift-enter = 줄바꿈
shortcut-control-enter = 메시지 보내기 (터치 화면 포함)
shortcut-up = 마지막 메시지 수정 (입력창이 비어 있을 때)
shortcut-choose = 메시지 선택 (메시지 목록에서)
shortcut-chosen = 선택한 메시지 수정, 삭제
shortcut-escape = 수정 취소
shortcut-neighbour = 이전 또는 다음 방
shortcut-help = 단축키 보기
notifications = 다른 탭이나 앱을 볼 때 새 메시지 알림 받기
notifications-blocked = 브라우저가 알림을 막고 있어요. 사이트 설정에서 허용해 주세요.
notifications-hint = 이 브라우저에만 적용돼요.
notification-sound = 새 메시지 알림음 켜기
shortcuts-enabled = 한 글자 단축키 사용 (?, /, E)
close = 닫기

rooms = 채팅방
no-rooms = 아직 방이 없어요. 첫 방을 만들어 보세요.
find-room = 방 검색
no-room-found = 일치하는 방이 없어요.
show-all-rooms = 전체 방 보기
open-rooms = 방 목록 열기
choose-room = 방을 고르거나 새로 만들어 보세요.
room-menu = 방 메뉴
copy-room-link = 방 링크 복사
account-settings = 계정 설정
switcher = 방 바로 가기
new-room = 새 방
create-room = 방 만들기
room-name = 방 이름
room-topic = 방 소개 (선택)
manage-room = 방 설정
save-room = 저장
delete-room = 방 삭제
# PARTICLE picks the form that fits behind a name: src/views/particle.rs.
delete-room-hint = ‘{"\u2068"}{ $room }{"\u2069"}’{ PARTICLE($room, "을") } 삭제하면 모든 메시지가 함께 사라지고 되돌릴 수 없어요.
notice-room-deleted = ‘{"\u2068"}{ $room }{"\u2069"}’ 방이 삭제되었어요.
back-to-rooms = 방 목록으로
pages = 페이지 이동
page-previous = 이전
page-next = 다음

people = 사람들
people-find = 이름이나 초성으로 검색
people-search = 검색
people-show-all = 모두 보기
people-none = 일치하는 사람이 없어요.
people-need-query = 사람이 많아요. 이름으로 검색해 주세요.
write-to = 메시지 보내기
write-to-person = {"\u2068"}{ $person }{"\u2069"}님에게 메시지 보내기
write-to-yourself = 나에게 메시지 보내기

# 들어오고 나간 사람. { $user }와 { $author }는 event-name이거나 deleted-user입니다.
event-name = {"\u2068"}{ $name }{"\u2069"}님
event-joined = { $user }{ PARTICLE($user, "이") } 들어왔어요
event-added = { $author }{ PARTICLE($author, "이") } { $user }{ PARTICLE($user, "을") } 추가했어요
event-left = { $user }{ PARTICLE($user, "이") } 나갔어요
event-removed = { $author }{ PARTICLE($author, "이") } { $user }{ PARTICLE($user, "을") } 내보냈어요
event-beyond = 그 밖에 여러 명이 들어오거나 나갔어요
event-more = 더 보기

messages = 메시지
older-messages = 이전 메시지 보기
newer-messages = 다음 메시지 보기
latest-messages = 최근 메시지로 이동
unread-since = { $time } 이후 새 메시지 { $count }개
jump-to-unread = 안 읽은 곳으로 이동
jump-back = 읽던 곳으로 돌아가기
show-in-room = 방에서 보기
room-empty-title = ‘{"\u2068"}{ $room }{"\u2069"}’ 방이 열렸어요
room-empty = 먼저 인사하거나 링크를 보내 초대해 보세요.
no-messages = 아직 메시지가 없어요
message-placeholder = 메시지를 입력하세요
send = 전송
send-again = 다시 보내기
outbox = 전송 대기 중인 메시지
outbox-waiting = 보내는 중…
outbox-retry = 다시 보내기
outbox-discard = 보내지 않기
outbox-expired = 작성한 지 30일이 지났어요. 지금 보낼까요?
outbox-refused = 전송하지 못했어요.
copy-code = 복사
code-copied = 복사됨
code-block = 코드
edited = 수정됨
edit-message = 메시지 수정
save-message = 저장
delete-message = 메시지 삭제
delete-message-hint = 모든 사람의 화면에서 삭제되고 되돌릴 수 없어요.
message-deleted = 삭제된 메시지예요.
mention-suggestions = 멘션할 사람
mention-suggestion-count = 추천 { $count }개
mention-everybody = 이 방의 모든 사람
mention-everybody-name = 모두
people-online = 접속 중인 사람
online-count = { $count }명 접속 중
typing = 입력 중…
room-deleted = 삭제되었거나 더 이상 멤버가 아닌 방이에요. 입력한 내용은 전송되지 않았어요.
reconnecting = 다시 연결하는 중…
disconnected = 연결이 끊어졌어요.
stream-unavailable = 실시간으로 받아 볼 수 없어요. 새로고침하면 새 메시지가 보여요.
reload = 새로고침
offline = 오프라인이에요. 다시 연결되면 새 메시지가 보여요.

attach = 파일 첨부
attach-chosen = 보낼 파일
attach-alt = 사진 설명 (선택)
attach-remove = {"\u2068"}{ $name }{"\u2069"} 빼기
attach-drop = 여기에 놓아 파일 첨부
attach-paste = 사진으로 붙여넣기
attach-too-many = 파일은 한 번에 { $count }개까지 보낼 수 있어요.
attach-too-large = {"\u2068"}{ $name }{"\u2069"}: { $size }를 넘어서 보낼 수 없어요.
attach-folder = 폴더는 보낼 수 없어요. 파일을 선택해 주세요.
attach-uploading = {"\u2068"}{ $name }{"\u2069"} 올리는 중
attach-retrying = 지금은 파일을 보낼 수 없어요. 다시 시도하는 중…
attach-failed = 파일을 올리지 못했어요.
attach-lost = 파일을 찾을 수 없어요. 다시 첨부해 주세요.
attach-alone = 남은 파일이 없어요. 글만 보낼까요?
viewer = 사진
viewer-previous = 이전 사진
viewer-next = 다음 사진
viewer-zoom-in = 확대
viewer-zoom-out = 축소
viewer-download = 사진 다운로드
viewer-failed = 사진을 불러오지 못했어요.

languages = 언어
offline-title = 사이트에 연결할 수 없어요
offline-hint = 인터넷이 끊겼거나 사이트가 잠시 멈췄어요. 메시지는 안전하게 보관돼요.
try-again = 다시 시도
details = 자세히

# 시각. { $hour }은 0~23, { $hour12 }는 1~12, { $weekday }는 월요일이 1입니다. 문구를 고르는 데는 이 셋과 { $half }, { $month }만
# 쓸 수 있습니다. { $clock }은 time-clock, { $date }는 time-day입니다.
time-clock = { $half ->
    [am] 오전
   *[pm] 오후
} { $hour12 }:{ $minute }
time-day = { $year }년 { $month }월 { $day }일 { $weekday ->
    [1] 월요일
    [2] 화요일
    [3] 수요일
    [4] 목요일
    [5] 금요일
    [6] 토요일
   *[7] 일요일
}
time-date = { $year }년 { $month }월 { $day }일
time-month-day = { $month }월 { $day }일
time-moment = { $year }년 { $month }월 { $day }일 { $clock }
time-full = { $date } { $clock } ({ $zone })

members = 멤버
notes-to-self = 나에게 쓰는 메모
open-room-hint = 누구나 읽고 쓸 수 있는 방이라 멤버 목록이 없어요.
role-owner = 방장
manage-member = { $name } 관리
make-owner = 방장 넘기기
remove-member = 내보내기
add-members = 멤버 추가
find-person = 이름으로 찾기
add-selected = 선택한 사람 추가
no-person-found = 찾는 이름이 없어요.
leave-room = 방 나가기
leave-room-hint = 나가면 이 방과 메시지를 더 이상 볼 수 없어요.
leave-owner-hint = 나가면 이 방을 볼 수 없고, 가장 오래된 멤버가 방장이 돼요.
leave-last-hint = 마지막 멤버예요. 나가면 방과 메시지가 모두 삭제돼요.
leave-quietly = 조용히 나가기
room-kind = 공개 범위
kind-open = 공개
kind-open-hint = 이 사이트의 모든 사람
kind-closed = 비공개
kind-closed-hint = 내가 추가한 사람만
open-room = 모두에게 공개
close-room = 멤버만 보기
convert-to-open-hint = 예전 메시지까지 누구나 읽을 수 있게 돼요.
convert-to-closed-hint = { $count ->
    [0] 나만 볼 수 있어요. 다른 사람은 추가하기 전까지 들어올 수 없어요.
   *[other] 방문한 적이 있는 { $count }명은 멤버로 남고, 나머지는 더 이상 볼 수 없어요.
 }
keep-latest-visitors = 최근에 방문한 1,000명만 남기기

direct-messages = 다이렉트 메시지
write-to-somebody = 메시지 보낼 사람 찾기
unread-count = 읽지 않은 메시지 { $count }개
mark-room-read = 모두 읽음으로 표시
room-notifications = 알림 설정
members-and-notifications = 멤버와 알림
level = 알림 받을 메시지
level-all = 모든 메시지
level-all-hint = 새 메시지 수를 눈에 띄게 표시해요
level-mentions = 멘션만
level-mentions-hint = 나머지는 조용히 세기만 해요
level-none = 받지 않기
level-none-hint = 숫자도 알림도 없어요
level-hidden = 방 숨기기
level-hidden-hint = 목록에서 사라지고 멘션만 받아요
mark-unread = 읽지 않음으로 표시
mark-all-read = 모두 읽음 처리
mark-all-read-hint = 모든 방의 메시지를 읽은 것으로 표시해요.
inbox = 알림함
inbox-empty = 아직 나를 멘션한 사람이 없어요.
inbox-count = { $count ->
    [0] 새 알림 없음
   *[other] 새 알림 { $count }개
 }
inbox-mentioned = { $person }님이 { $room }에서 나를 멘션했어요
inbox-invited = { $person }님이 { $room }에 나를 추가했어요
inbox-room-gone = { $person }님이 쓴 방은 이제 볼 수 없어요.
find-person-button = 찾기
invite-more = 더 초대하기
invite-more-hint = 다이렉트 메시지의 참여자는 바뀌지 않아요. 지금 참여자와 함께 비공개 방을 새로 만들어요.

## 대화에 파일 올리기, 코드별
upload-ticket = 화면을 연 지 오래되었어요. 새로고침해 주세요.
upload-form = 업로드가 중단되었어요. 다시 시도해 주세요.
upload-missing = 비어 있지 않은 파일을 선택하거나 메시지를 입력해 주세요.
upload-too-many-files = 파일은 한 번에 10개까지 보낼 수 있어요.
upload-too-large = 파일이 너무 커요.
upload-too-slow = 업로드가 너무 오래 걸려요. 다시 시도해 주세요.
upload-too-many = 파일을 너무 자주 올렸어요. 1분 후 다시 시도해 주세요.
upload-kind = 보낼 수 없는 파일이에요.
upload-pixels = 사진이 너무 커요. 한 변은 1만 픽셀, 전체는 4천만 픽셀까지 보낼 수 있어요.
upload-broken = 사진이 손상되었어요.
upload-quota = 저장 공간이 가득 찼어요. 파일을 삭제해 주세요.
upload-disk = 서버 공간이 부족해요. 운영자에게 문의해 주세요.
upload-unavailable = 지금은 파일을 보낼 수 없어요. 잠시 후 다시 시도해 주세요.
upload-receipt = 업로드한 지 오래되었어요. 파일을 다시 보내 주세요.
upload-gone = 이 방에 메시지를 보낼 수 없어요.
upload-failed = 메시지를 보내지 못했어요
upload-resend = 다시 보내기
upload-text = 메시지
upload-files = 파일
upload-back = 방으로 돌아가기

## 대화의 파일
attach-files = 파일 보내기
attach-file = 파일, 10개까지
take-away-files = 파일 삭제
files-pictures = { $count ->
    [1] 사진
   *[other] 사진 { $count }장
  }
files-file = 파일: { $name }

notice-left = 방에서 나왔어요.
notice-read = 모두 읽음으로 표시했어요.
notice-gone = 삭제되었거나 더 이상 멤버가 아닌 방이에요.
notice-added = 멤버를 추가했어요.
notice-removed = 멤버를 내보냈어요.
notice-owner = 방장을 넘겼어요.
notice-kind = 공개 범위를 바꿨어요.
notice-level = 알림 설정을 저장했어요.
room-empty-title-direct = {"\u2068"}{ $room }{"\u2069"}님과 나누는 첫 대화예요
room-empty-title-notes = 나만 볼 수 있는 공간이에요
room-empty-direct = 먼저 인사를 건네 보세요.
room-empty-notes = 기억할 일을 적어 두세요.
room-empty-closed = 함께 이야기할 멤버를 추가해 보세요.
room-empty-member = 먼저 인사를 건네 보세요.
people-count = { $count }명
more-directs = 이전 대화 더 보기
